/**
 * What the database needs of a client of the caller's. Every `Redis` and `Cluster` of ioredis 5 and 6 has it, whichever copy of
 * ioredis it comes from; a class with private members would only match its own copy.
 */
export interface BorrowedClient {
  readonly isCluster: boolean
  readonly status: string
  readonly options: object
  sendCommand(command: never, ...others: never[]): unknown
  duplicate(...overrides: never[]): unknown
  disconnect(reconnect?: boolean): void
}
