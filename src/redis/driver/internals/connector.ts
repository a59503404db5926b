import { connect, type NetConnectOpts, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import { AbstractConnector } from 'ioredis'
import { Packets } from './packets.js'

interface Address {
  path?: string
  host?: string
  port?: number
  family?: number
}

interface Options extends Address {
  tls?: ConnectionOptions
  disconnectTimeout: number
}

/** Does what ioredis' own connector of one server does, but its sockets read into {@link Packets}. */
export class ServerConnector extends AbstractConnector {
  readonly #options: Options

  constructor(options: unknown) {
    super((options as Options).disconnectTimeout)
    this.#options = options as Options
  }

  override async connect(): Promise<Socket> {
    this.connecting = true
    // As ioredis does: `disconnect` may follow in the same turn.
    await new Promise<void>((resolve) => process.nextTick(resolve))
    if (!this.connecting) throw new Error('Connection is closed.')
    const socket = this.#open()
    this.stream = socket
    socket.once('error', (error) => {
      this.firstError = error
    })
    return socket
  }

  #open(): Socket {
    const { path, host, port, family, tls } = this.#options
    const packets = new Packets()
    const options: object = {
      ...(path ? { path } : { host, port, family }),
      ...tls,
      onread: packets.onread,
    }
    return packets.attach(tls ? connectTls(options) : connect(options as NetConnectOpts))
  }
}
