import type { Redis } from 'ioredis'

/** ioredis listens for one error of a socket. TLS sockets can have a second, which would end the process. */
export function expectFurtherErrors(client: Redis): void {
  client.on('error', () => client.stream?.on('error', () => {}))
}
