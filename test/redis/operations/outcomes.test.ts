import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  DeletionError,
  RedisOAuthDatabase,
  RedisOAuthDatabaseError,
  StoreTokensError,
} from '../../../src/index.js'
import { type FaultProxy, startFaultProxy } from '../../support/network/fault-proxy.js'
import {
  CALLS,
  type Call,
  fill,
  keysOf,
  URL_OF_TOKEN,
  USER,
} from '../../support/operations/every-method.js'
import { type RedisServer, startRedis } from '../../support/servers/redis-server.js'

// What a call says, against what stands in Redis afterwards, whichever of its commands meets whichever fault.

const KEYS = keysOf(3)
const COMMAND_TIMEOUT_MS = 150
/** After these a write may have happened; after all other codes nothing has, or the error counts what has. */
const UNSURE: ReadonlySet<string> = new Set(['OUTCOME_UNKNOWN', 'NOT_DURABLE'])

/** Called when the command has come to the proxy. */
type Fault = (proxy: FaultProxy) => void

/** What becomes of one command. `lose` is what the proxy does by itself. */
const FAULTS: { readonly [name: string]: { lose?: 'request' | 'reply'; strike: Fault } } = {
  'runs and is never answered': { strike: (proxy) => proxy.halfOpen() },
  'runs and is answered late': { strike: (proxy) => proxy.stall('replies') },
  'is held back, and runs late': { strike: (proxy) => proxy.stall('requests') },
  'runs, and the connection is cut for good before the answer': {
    lose: 'reply',
    strike: (proxy) => proxy.refuse(),
  },
  'runs, and the connection is cut before the answer': { lose: 'reply', strike: () => {} },
  'is cut off before it runs': { lose: 'request', strike: (proxy) => proxy.refuse() },
}

const CALLS_HERE: { readonly [method: string]: Call } = {
  ...CALLS,
  'storeToken of what has expired': (db) =>
    db.storeToken('a0', 'next', new Date(Date.now() - 60_000)),
  'storeToken without an end': (db) => db.storeToken('a0', 'next'),
}

let server: RedisServer

beforeAll(async () => {
  server = await startRedis()
})

afterAll(() => server.stop())

/** The records, without what serves coordination only. */
async function records(): Promise<Record<string, string>> {
  const keys = await server.cli<string[]>('KEYS', 'atxp:oauth:*')
  const own = keys.filter((key) => !/:~(lease|consumed|reply|refused|marker)/.test(key)).sort()
  const values = await Promise.all(own.map((key) => server.cli<string | null>('GET', key)))
  const pairs = own.map((key, i) => [key, values[i]] as const)
  return Object.fromEntries(pairs.filter(([, value]) => value !== null)) as Record<string, string>
}

interface Run {
  outcome: { value: unknown } | { error: unknown }
  before: Record<string, string>
  after: Record<string, string>
  /** The names of the commands that the call sent. */
  sent: string[]
}

/** Calls with a fault at the command of that index; -1: none. */
async function run(
  call: Call,
  at: number,
  { lose, strike }: (typeof FAULTS)[string],
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
    const before = await records()
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
    // A refresh goes on offering its new pair for long; closing ends that, and every other call has ended by then.
    const closing = setTimeout(() => void db.close({ timeoutMs: 0 }), 10 * COMMAND_TIMEOUT_MS)
    const outcome = await calling
    clearTimeout(closing)
    const commands = [...sent]
    proxy.resume()
    await db.close({ timeoutMs: 0 })
    // What was held back has reached the server when the proxy's connections have ended.
    await proxy.stop()
    await server.cli('PING')
    return { outcome, before, after: await records(), sent: commands }
  } finally {
    await db.close({ timeoutMs: 0 })
    await proxy.stop()
  }
}

function check(run: Run, done: Record<string, string>): void {
  const { outcome, before, after } = run
  if ('value' in outcome) {
    expect(after).toEqual(done)
    return
  }
  const { error } = outcome
  expect(error).toBeInstanceOf(RedisOAuthDatabaseError)
  const { code } = error as RedisOAuthDatabaseError
  if (error instanceof DeletionError) checkDeletion(run, error)
  else if (error instanceof StoreTokensError) checkImport(run, error)
  // It happened or it did not.
  else if (UNSURE.has(code)) expect([before, done]).toContainEqual(after)
  else expect(after).toEqual(before)
}

function checkDeletion({ before, after }: Run, { code, removed }: DeletionError): void {
  const gone = Object.keys(before).filter((key) => !(key in after)).length
  expect(gone).toBeGreaterThanOrEqual(removed)
  if (!UNSURE.has(code)) expect(gone).toBe(removed)
}

function checkImport({ after }: Run, { attempted, failures }: StoreTokensError): void {
  for (const [index, key] of KEYS.entries()) {
    const failure = failures.find((one) => one.index === index)
    if (failure !== undefined && UNSURE.has(failure.code)) continue
    const isStored = index < attempted && failure === undefined
    expect(after[`atxp:oauth:${key}`]).toBe(isStored ? 'next' : 'first')
  }
}

describe.each(Object.entries(CALLS_HERE))('what %s says is so, when', (_method, call) => {
  let faultless: Run

  beforeAll(async () => {
    faultless = await run(call, -1, { strike: () => {} })
    expect(faultless.outcome).toHaveProperty('value')
  })

  it.each(Object.entries(FAULTS))('a command %s', async (_name, fault) => {
    expect(faultless.sent.length).toBeGreaterThan(0)
    for (const at of faultless.sent.keys()) check(await run(call, at, fault), faultless.after)
  })

  it('Redis refuses a command', async () => {
    for (const name of new Set(faultless.sent)) {
      const refuse = (): Promise<unknown> => server.cli('ACL', 'SETUSER', 'default', `-${name}`)
      const refused: Call = (db, keys) => refuse().then(() => call(db, keys))
      try {
        check(await run(refused, -1, { strike: () => {} }), faultless.after)
      } finally {
        await server.cli('ACL', 'SETUSER', 'default', '+@all')
      }
    }
  })
})
