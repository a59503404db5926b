import { connect, createServer, type NetConnectOpts, type Server } from 'node:net'
import { freePort } from '../servers/free-port.js'
import {
  type CommandFault,
  type CommandMatch,
  type LostCommands,
  ProxiedConnection,
  type ProxyConditions,
} from './proxied-connection.js'

const HOST = '127.0.0.1'

export type { CommandMatch, LostCommands } from './proxied-connection.js'

interface ArmedFault extends CommandFault {
  matches: (command: string[]) => boolean
  timesLeft: number
}

/** Starts a TCP proxy in front of a server, through which all goes as it is until a fault is called for. */
export async function startFaultProxy(
  target: { host?: string; port: number } | { path: string },
): Promise<FaultProxy> {
  // A server may have both; the network is what can be at fault.
  const address =
    'port' in target ? { host: target.host ?? HOST, port: target.port } : { path: target.path }
  for (;;) {
    const proxy = new FaultProxy(address, await freePort())
    try {
      await proxy.accept()
      return proxy
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    }
  }
}

export class FaultProxy {
  readonly host: string = HOST
  readonly port: number
  #target: NetConnectOpts
  #listener: Server | undefined
  #connections = new Set<ProxiedConnection>()
  #faults: ArmedFault[] = []
  #accepted = 0
  #conditions: ProxyConditions = {
    requests: { stalled: false, delayMs: 0, firstDelayMs: 0 },
    replies: { stalled: false, delayMs: 0, firstDelayMs: 0 },
    swallow: false,
    garbage: [],
    faultFor: (command) => this.#faultFor(command),
  }

  constructor(target: NetConnectOpts, port: number) {
    this.#target = target
    this.port = port
  }

  /** How many clients are connected now. */
  get connections(): number {
    return [...this.#connections].filter((connection) => connection.open).length
  }

  /** How many connections there have ever been. */
  get accepted(): number {
    return this.#accepted
  }

  /** Resets all connections. New ones are welcome. */
  cut(): void {
    for (const connection of this.#connections) connection.reset()
  }

  /** Stops listening: new connections are refused. Those that stand, stay. */
  refuse(): void {
    this.#listener?.close()
    this.#listener = undefined
  }

  /** Listens again, on the same port. */
  async accept(): Promise<void> {
    if (this.#listener !== undefined) return
    const listener = createServer({ allowHalfOpen: true }, (client) => {
      this.#accepted++
      const server = connect({ ...this.#target, allowHalfOpen: true })
      const connection = new ProxiedConnection(client, server, this.#conditions)
      this.#connections.add(connection)
      let open = 2
      const forget = () => --open === 0 && this.#connections.delete(connection)
      client.once('close', forget)
      server.once('close', forget)
    })
    await new Promise<void>((resolve, reject) => {
      listener.once('error', reject)
      listener.listen(this.port, HOST, resolve)
    })
    this.#listener = listener
  }

  /** Holds all bytes, and the ends of streams, in both directions or one. `resume` delivers them. */
  stall(direction: 'both' | 'requests' | 'replies' = 'both'): void {
    if (direction !== 'replies') this.#conditions.requests.stalled = true
    if (direction !== 'requests') this.#conditions.replies.stalled = true
  }

  /** Lets every reply come `ms` later. 0 ends it. */
  delay(ms: number): void {
    this.#conditions.replies.delayMs = ms
    for (const connection of this.#connections) connection.flush()
  }

  /** Lets the first reply on each new connection come `ms` later, as where a server has to wake up. 0 ends it. */
  delayFirst(ms: number): void {
    this.#conditions.replies.firstDelayMs = ms
  }

  /**
   * The other side is gone without a word: connections stay open, new ones too, and every byte vanishes. One that has
   * lost bytes stays dead, also after `resume`.
   */
  halfOpen(): void {
    this.#conditions.swallow = true
  }

  /** Ends `stall`, `delay` and `halfOpen`. */
  resume(): void {
    this.#conditions.requests.stalled = false
    this.#conditions.replies.stalled = false
    this.#conditions.swallow = false
    this.delay(0)
  }

  /** Puts bytes in front of the next reply, whoever it is for. */
  garbage(bytes: Buffer | string): void {
    this.#conditions.garbage.push(Buffer.from(bytes as string))
  }

  /**
   * The next commands that match run, and their replies are lost: the command reaches the server, nothing sent after
   * it does, and as soon as the server has answered, the connection is reset and the answer thrown away.
   * In a transaction the reply to match is that of `EXEC`. Not possible through TLS.
   */
  dropReplies(match: CommandMatch, { times = 1 }: { times?: number } = {}): LostCommands {
    return this.#arm('reply', match, times)
  }

  /** The next commands that match never reach the server: the connection is reset in front of them. */
  dropRequests(match: CommandMatch, { times = 1 }: { times?: number } = {}): LostCommands {
    return this.#arm('request', match, times)
  }

  /** Holds the next command that matches, and all bytes after it, until `resume`; resolves when it is there. */
  holdRequests(match: (command: string[]) => boolean): Promise<void> {
    return new Promise((resolve) => {
      const { cancel } = this.dropRequests((command) => {
        if (match(command)) {
          this.stall('requests')
          cancel()
          resolve()
        }
        return false
      })
    })
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#listener?.once('close', resolve) ?? resolve(null))
    this.refuse()
    this.cut()
    await closed
  }

  #arm(lose: 'request' | 'reply', match: CommandMatch, times: number): LostCommands {
    const matches =
      typeof match === 'function'
        ? match
        : ([name]: string[]) => name?.toLowerCase() === match.toLowerCase()
    const fault: ArmedFault = { lose, matches, timesLeft: times, commands: [] }
    this.#faults.push(fault)
    return {
      commands: fault.commands,
      cancel: () => {
        fault.timesLeft = 0
      },
    }
  }

  #faultFor(command: string[]): CommandFault | undefined {
    const fault = this.#faults.find(({ timesLeft, matches }) => timesLeft > 0 && matches(command))
    if (fault !== undefined) fault.timesLeft--
    return fault
  }
}
