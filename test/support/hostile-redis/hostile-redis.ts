import { connect, createServer, type Server, type Socket } from 'node:net'
import { commandOf, frameEnd, isPush, isSubscription, replyCount } from '../network/resp-frames.js'
import { oneOf } from '../random.js'
import { freePort } from '../servers/free-port.js'
import { LIES, type LieName } from './lies.js'

const HOST = '127.0.0.1'

/** How a server lies at present. */
export interface Hostility {
  /** Of which share of its replies, from 0 to 1. */
  share: number
  lies: readonly LieName[]
}

export const HONEST: Hostility = { share: 0, lies: [] }

/**
 * A Redis that speaks the protocol, keeps what it is given, and lies as it is told to: a real one stands behind it, and some of
 * its replies, also those of the handshake, are replaced on their way.
 */
export class HostileRedis {
  readonly host: string = HOST
  readonly port: number
  hostility: Hostility = HONEST
  /** How many commands have come. */
  commands = 0
  lies = 0
  /** How many connections were opened. */
  connections = 0
  readonly #random: () => number
  readonly #sockets = new Set<Socket>()
  readonly #listener: Server

  static async start(target: { path: string }, random: () => number): Promise<HostileRedis> {
    for (;;) {
      const redis = new HostileRedis(target.path, await freePort(), random)
      try {
        await redis.#listen()
        return redis
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
      }
    }
  }

  private constructor(path: string, port: number, random: () => number) {
    this.port = port
    this.#random = random
    this.#listener = createServer((client) => this.#serve(client, connect({ path })))
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#listener.close(resolve))
  }

  #listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#listener.once('error', reject)
      this.#listener.listen(this.port, HOST, resolve)
    })
  }

  #serve(client: Socket, server: Socket): void {
    this.connections += 1
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      socket.setNoDelay(true)
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        this.#sockets.delete(socket)
        other.destroy()
      })
    }
    const awaited: string[][] = []
    let isSubscribed = false
    let isSilent = false
    eachFrame(client, (frame) => {
      const command = commandOf(frame)
      this.commands += 1
      isSubscribed ||= isSubscription(command)
      for (let i = replyCount(command); i > 0; i -= 1) awaited.push(command)
      server.write(frame)
    })
    eachFrame(server, (reply) => {
      const command = isPush(reply, isSubscribed) ? ['(publication)'] : (awaited.shift() ?? [])
      if (isSilent) return
      const { share, lies } = this.hostility
      if (this.#random() >= share) {
        client.write(reply)
        return
      }
      this.lies += 1
      const { bytes, ending } = LIES[oneOf(this.#random, lies)](this.#random, { command, reply })
      client.write(bytes)
      isSilent = ending === 'silence'
      if (ending === 'end') client.end()
    })
  }
}

function eachFrame(socket: Socket, visit: (frame: Buffer) => void): void {
  let unread = Buffer.alloc(0)
  socket.on('data', (bytes) => {
    unread = Buffer.concat([unread, bytes])
    let start = 0
    for (let end = frameEnd(unread, 0); end !== -1; end = frameEnd(unread, end)) {
      visit(Buffer.from(unread.subarray(start, end)))
      start = end
    }
    unread = unread.subarray(start)
  })
}
