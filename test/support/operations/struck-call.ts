import { RedisOAuthDatabase } from '../../../src/index.js'
import { type FaultProxy, startFaultProxy } from '../network/fault-proxy.js'
import type { RedisServer } from '../servers/redis-server.js'
import { type Call, fill, keysOf, URL_OF_TOKEN, USER } from './every-method.js'

export const KEYS: string[] = keysOf(3)
const COMMAND_TIMEOUT_MS = 150
/** Every call but a refresh has ended by then, which goes on offering its new pair to Redis for longer. */
const ENDED_AFTER_MS = 10 * COMMAND_TIMEOUT_MS

/** What becomes of one command. */
export interface Fault {
  /** What the proxy loses by itself. */
  lose?: 'request' | 'reply'
  /** Called when the command has come to the proxy. */
  strike: (proxy: FaultProxy) => void
}

export interface Run {
  outcome: { value: unknown } | { error: unknown }
  /** The records before the call, by key. */
  before: Record<string, string>
  after: Record<string, string>
  /** The names of the commands that the call sent. */
  sent: string[]
}

/** Calls over an empty server with records of each kind, with a fault at the command of that index; -1: none. */
export async function runStruck(
  server: RedisServer,
  call: Call,
  at: number,
  { lose, strike }: Fault,
): Promise<Run> {
  await server.cli('FLUSHALL')
  const proxy = await startFaultProxy(server)
  const { host, port } = proxy
  const db = new RedisOAuthDatabase({
    host,
    port,
    commandTimeout: COMMAND_TIMEOUT_MS,
    retryDelayOnFailover: 5,
    registrationLeaseMs: 50,
  })
  const sent: string[] = []
  try {
    await fill(db, KEYS)
    await db.getAccessToken(USER, URL_OF_TOKEN)
    const before = await records(server)
    const isStruck = ([name = '']: string[]): boolean => {
      sent.push(name.toUpperCase())
      if (sent.length - 1 !== at) return false
      strike(proxy)
      return lose !== undefined
    }
    if (lose === 'request') proxy.dropRequests(isStruck)
    else proxy.dropReplies(isStruck)
    const calling = call(db, KEYS).then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    )
    const closing = setTimeout(() => void db.close({ timeoutMs: 0 }), ENDED_AFTER_MS)
    const outcome = await calling
    clearTimeout(closing)
    const commands = [...sent]
    proxy.resume()
    await db.close({ timeoutMs: 0 })
    // What was held back has reached the server when the proxy's connections have ended.
    await proxy.stop()
    await server.cli('PING')
    return { outcome, before, after: await records(server), sent: commands }
  } finally {
    await db.close({ timeoutMs: 0 })
    await proxy.stop()
  }
}

/** The records, without what serves coordination only. */
async function records(server: RedisServer): Promise<Record<string, string>> {
  const keys = await server.cli<string[]>('KEYS', 'atxp:oauth:*')
  const own = keys
    .filter((key) => !/:~(lease|spent|rest|consumed|index|reply|refused|marker)/.test(key))
    .sort()
  const values = await Promise.all(own.map((key) => server.cli<string | null>('GET', key)))
  const pairs = own.map((key, i) => [key, values[i]] as const)
  return Object.fromEntries(pairs.filter(([, value]) => value !== null)) as Record<string, string>
}
