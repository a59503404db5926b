import { ATXPFetcher } from '@atxp/client'
import { type FleetProcess, USER } from './fleet-process.js'
import { MCP_URL, ORIGIN } from './strict-server.js'

const logger = { debug() {}, info() {}, warn() {}, error() {} }

export interface Client extends FleetProcess {
  /** Calls the MCP server by the published client; gives the answer's status. */
  call(url?: string, init?: RequestInit): Promise<number>
}

/** The published client in a process. */
export function clientIn(process: FleetProcess, user: string = USER): Client {
  const { fetch } = new ATXPFetcher({
    accountId: user,
    db: process.db,
    paymentMakers: { base: { generateJWT: async () => 'jwt' } as never },
    fetchFn: process.fetch,
    sideChannelFetch: process.fetch,
    allowedAuthorizationServers: [ORIGIN],
    logger,
  })
  const post = { method: 'POST', body: '{}' }
  return { ...process, call: async (url = MCP_URL, init = post) => (await fetch(url, init)).status }
}

/** All at once, `each` times. */
export function callAll(clients: Client[], each: number, url?: string): Promise<number[]> {
  return Promise.all(
    clients.flatMap((client) => Array.from({ length: each }, () => client.call(url))),
  )
}

/** What calls that all went well give. */
export const all = (count: number): number[] => Array(count).fill(200)
