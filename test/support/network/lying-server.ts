import { createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { commandOf, frameEnd } from './resp-frames.js'

/** What a server says to a command. */
export type Answer = (command: string[], connection: number) => string | Buffer

export interface LyingServer {
  port: number
  /** How many connections there have been. */
  readonly accepted: number
  send(bytes: string | Uint8Array): void
}

/** A server that says what it likes. */
export async function startLyingServer(answer: Answer): Promise<LyingServer> {
  const sockets: Socket[] = []
  const listener = createServer((socket) => {
    sockets.push(socket)
    const connection = sockets.length
    let unread = Buffer.alloc(0)
    socket.on('error', () => {})
    socket.on('data', (bytes) => {
      unread = Buffer.concat([unread, bytes])
      for (let end = frameEnd(unread, 0); end !== -1; end = frameEnd(unread, 0)) {
        const command = commandOf(unread.subarray(0, end))
        unread = unread.subarray(end)
        socket.write(answer(command, connection))
      }
    })
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    listener.close()
  })
  return {
    port: (listener.address() as { port: number }).port,
    get accepted() {
      return sockets.length
    },
    send: (bytes) => sockets.at(-1)?.write(bytes),
  }
}
