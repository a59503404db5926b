import type { Redis } from 'ioredis'

/** The socket of a client's present connection, or of its last one; undefined before the first. */
export function socketOf({ stream }: Redis): Redis['stream'] | undefined {
  return stream
}

/** ioredis listens for one error of a socket. TLS sockets can have a second, which would end the process. */
export function expectFurtherErrors(client: Redis): void {
  let expected: unknown
  client.on('error', () => {
    const stream = socketOf(client)
    // A client has more errors than sockets: of names that do not resolve, of Sentinels.
    if (!stream || stream === expected) return
    expected = stream
    stream.on('error', () => {})
  })
}

/**
 * Closes a socket so that the kernel drops what it has not delivered (a TCP reset), where Node can: from 16.17 and 18.3 on, and not
 * through TLS or to a Unix socket.
 */
export function resetSocket(stream: Redis['stream'] | undefined): void {
  const { resetAndDestroy } = Object(stream) as { resetAndDestroy?(): void }
  try {
    resetAndDestroy?.call(stream)
  } catch {
    // It is not of TCP.
  }
  stream?.destroy()
}

/** Ends a client for good; resolves once its socket is closed. */
export async function disconnect(client: Redis): Promise<void> {
  const stream = socketOf(client)
  client.disconnect()
  if (stream === undefined || stream.destroyed) return
  // Not by `once` of node:events, which rejects when the socket ends with an error.
  await new Promise((resolve) => stream.once('close', resolve))
}
