import { connect } from 'node:net'
import { createServer, type Server, type TlsOptions } from 'node:tls'
import { certificates } from '../servers/certificates.js'
import { freePort } from '../servers/free-port.js'

const HOST = '127.0.0.1'

/** Speaks TLS in front of a server that does not, as hosted services do, and keeps the name that each client asked for. */
export class TlsFront {
  readonly port: number
  /** The name of each connection (SNI); false where the client sent none. */
  readonly names: readonly (string | false)[]
  readonly #server: Server

  constructor(port: number, names: readonly (string | false)[], server: Server) {
    this.port = port
    this.names = names
    this.#server = server
  }

  async stop(): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

export async function startTlsFront(target: { port: number }): Promise<TlsFront> {
  const { cert, key } = (await certificates()).server
  const names: (string | false)[] = []
  // Called with the client's first words, if there is a name in them: also where the client then refuses the certificate.
  const SNICallback: NonNullable<TlsOptions['SNICallback']> = (name, choose) => {
    names.push(name)
    choose(null)
  }
  const server = createServer({ cert, key, SNICallback })
  const front = new TlsFront(await freePort(), names, server)
  server.on('secureConnection', (client) => {
    // Node's own types lack it: https://nodejs.org/api/tls.html#tlssocketservername
    if (!(client as unknown as { servername: string | false }).servername) names.push(false)
    const behind = connect({ host: HOST, port: target.port })
    client.pipe(behind).pipe(client)
    for (const [one, other] of [
      [client, behind],
      [behind, client],
    ] as const) {
      one.on('error', () => other.destroy())
      one.on('close', () => other.destroy())
    }
  })
  server.on('tlsClientError', () => undefined)
  await new Promise<void>((resolve) => server.listen(front.port, HOST, resolve))
  return front
}
