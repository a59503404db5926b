import type { ConnectionOptions } from 'node:tls'
import type { Cluster, Command, Redis } from 'ioredis'
import { changedKeys } from '../../protocol/replies.js'

/** Has only an open socket keep the process alive, and not the wait for the next attempt. */
export function reconnectInBackground(client: Redis | Cluster): void {
  client.on('reconnecting', () => {
    const { reconnectTimeout } = client as unknown as { reconnectTimeout?: NodeJS.Timeout }
    reconnectTimeout?.unref()
  })
}

/** Has `prepare` run before each connection that ioredis makes; none is made any more once the client was told to end. */
export function beforeConnecting(client: Redis, prepare: () => Promise<void>): void {
  const { connect, disconnect } = client
  let connecting: Promise<void> | undefined
  let isEnded = false
  client.disconnect = (reconnect = false) => {
    isEnded ||= !reconnect
    disconnect.call(client, reconnect)
  }
  client.connect = () => {
    // ioredis makes this when it connects, and cannot queue a command before.
    const parts = client as unknown as { condition?: object }
    parts.condition ??= { select: client.options.db, subscriber: false }
    connecting ??= prepare()
      .then(() => {
        if (isEnded) throw new Error('Connection is closed.')
        return connect.call(client)
      })
      .finally(() => {
        connecting = undefined
      })
    return connecting
  }
}

/** Has `prepare` get each copy of a client before it connects. A Cluster asks for the slots over such copies of its nodes. */
export function onCopy(client: Redis, prepare: (copy: Redis) => void): void {
  const duplicate = client.duplicate.bind(client)
  client.duplicate = (override) => {
    const copy = duplicate(override)
    prepare(copy)
    return copy
  }
}

/** What the next connection logs in with. */
export function setCredentials(
  { options }: Redis,
  username: string | undefined,
  password: string,
): void {
  delete options.username
  if (username !== undefined) options.username = username
  options.password = password
}

/** Takes what is over out of what a client without a connection has put off; ioredis would keep it until there is one. */
export function dropPutOff(client: Redis | Cluster, isOver: (command: Command) => boolean): void {
  const { offlineQueue } = client as unknown as { offlineQueue: PutOff }
  for (let left = offlineQueue.length; left > 0; left -= 1) {
    const item = offlineQueue.shift()
    if (item !== undefined && !isOver(item.command)) offlineQueue.push(item)
  }
}

interface PutOff {
  readonly length: number
  shift(): { readonly command: Command } | undefined
  push(item: { readonly command: Command }): number
}

/** Options that ioredis reads anew each time that it needs them. */
export interface ChangeableOptions {
  host?: string | undefined
  port?: number | undefined
  tls?: ConnectionOptions
  /** Milliseconds for the answer of one Sentinel, its connection included. */
  sentinelCommandTimeout?: number
  /** Milliseconds that a node may be silent while a command waits for its answer. */
  socketTimeout?: number
  /** Milliseconds for a node of a Cluster to say who serves what, its connection included. */
  slotsRefreshTimeout?: number
}

export function setOptions({ options }: Redis | Cluster, changes: ChangeableOptions): void {
  Object.assign(options, changes)
}

/** Has `listener` hear which keys have changed, of a connection that is told so; null: any may have. */
export function onInvalidation(
  client: Redis,
  listener: (keys: readonly Buffer[] | null) => void,
): void {
  // Redis publishes an array where others publish text, and ioredis hands it on as it is.
  client.on('messageBuffer', (_channel: Buffer, keys: unknown) => {
    listener(changedKeys(keys))
  })
}
