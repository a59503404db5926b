import type { Cluster, Redis } from 'ioredis'
import type { TrackedCommand } from './command.js'
import type { Link, Node } from './connection.js'

/** A client of the caller's: it queues, retries and resends by its own options, and is not ours to close. */
export class BorrowedLink implements Link {
  readonly #client: Redis | Cluster

  constructor(client: Redis | Cluster) {
    this.#client = client
  }

  send(command: TrackedCommand, node: Node): void {
    const client = node ?? this.#client
    client.sendCommand(command)
  }

  scanNodes(): readonly Node[] {
    return this.#client.isCluster ? (this.#client as Cluster).nodes('master') : [undefined]
  }

  stalled(): void {}

  async close(): Promise<void> {}
}
