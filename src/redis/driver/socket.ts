import type { Cluster, Redis } from 'ioredis'

/** ioredis listens for one error of a socket. TLS sockets can have a second, which would end the process. */
export function expectFurtherErrors(client: Redis): void {
  let expected: unknown
  client.on('error', () => {
    const { stream } = client
    // A client has more errors than sockets: of names that do not resolve, of Sentinels.
    if (!stream || stream === expected) return
    expected = stream
    stream.on('error', () => {})
  })
}

/** Only an open socket or a waiting command (see CommandQueue) keeps the process alive, not the wait for the next attempt. */
export function reconnectInBackground(client: Redis | Cluster): void {
  client.on('reconnecting', () => {
    // Private in its types, and there since ioredis 4.
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
    // ioredis makes this, private in its types, when it connects, and cannot queue a command before.
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
