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
