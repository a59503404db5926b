import { RedisOAuthDatabase, type RedisOAuthDatabaseOptions } from '../../../src/index.js'
import { type FoundKey, KeySpace } from '../../../src/record/keys.js'
import { KINDS } from '../../../src/record/kinds.js'
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
  /** The records before the call, by key, and the entries of indexes. */
  before: Record<string, string>
  after: Record<string, string>
  /** The names of the commands that the call sent. */
  sent: string[]
}

export interface Setting {
  options?: RedisOAuthDatabaseOptions
  /** Done once all is filled, right before the call. */
  before?: (db: RedisOAuthDatabase, server: RedisServer) => Promise<unknown>
}

/** Calls over an empty server with records of each kind, with a fault at the command of that index; -1: none. */
export async function runStruck(
  server: RedisServer,
  call: Call,
  at: number,
  { lose, strike }: Fault,
  { options, before: prepare }: Setting = {},
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
    ...options,
  })
  const sent: string[] = []
  try {
    await fill(db, KEYS)
    await db.getAccessToken(USER, URL_OF_TOKEN)
    await prepare?.(db, server)
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

const SPACE = new KeySpace('atxp:oauth:')
const ENTRY = 'an entry'

/** The records, without what serves coordination only, and the entries of indexes, without their times. */
async function records(server: RedisServer): Promise<Record<string, string>> {
  const names = await server.cli<string[]>('KEYS', `${SPACE.prefix}*`)
  const standing: Record<string, string> = {}
  for (const name of names.sort()) {
    const key = SPACE.parse(name)
    if (key !== null) Object.assign(standing, await standingAt(server, key))
  }
  return standing
}

async function standingAt(
  server: RedisServer,
  { kind, redisKey }: FoundKey,
): Promise<Record<string, string>> {
  if (kind === 'index') {
    const fields = await server.cli<string[]>('HKEYS', redisKey)
    return Object.fromEntries(fields.sort().map((field) => [entryName(redisKey, field), ENTRY]))
  }
  if (KINDS[kind].sealedAs === undefined || kind === 'reply') return {}
  const value = await server.cli<string | null>('GET', redisKey)
  return value === null ? {} : { [redisKey]: isSealed(value) ? 'sealed' : value }
}

/** Read as text: no text of ours begins by what is none. */
const isSealed = (value: string): boolean => value.startsWith('\ufffd')

const entryName = (index: string, field: string): string => `${index} ${field}`

/** What stands there of records alone. */
export function recordsIn(standing: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(standing).filter(([, value]) => value !== ENTRY))
}

/** The records that should be in an index and are not. */
export function unindexed(standing: Record<string, string>): string[] {
  return Object.keys(recordsIn(standing)).filter((name) => {
    const key = SPACE.parse(name) as FoundKey
    const { index, field } = SPACE.entryOf(key)
    return KINDS[key.kind].isIndexed && standing[entryName(index, field)] === undefined
  })
}
