import { randomBytes } from 'node:crypto'
import diagnostics from 'node:diagnostics_channel'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  CHANNELS,
  RedisOAuthDatabase,
  type RedisOAuthDatabaseOptions,
  type SessionEvent,
} from '../../../src/index.js'
import { methodsOf } from '../../support/methods-of.js'
import { type FaultProxy, startFaultProxy } from '../../support/network/fault-proxy.js'
import {
  CALLS,
  fill,
  keysOf,
  SERVER_URL,
  URL_OF_TOKEN,
  USER,
} from '../../support/operations/every-method.js'
import { type RedisServer, startRedis } from '../../support/servers/redis-server.js'

const KEYS = keysOf(3_000)
/** Longer than a test: what does not end before, ends by `close` alone. */
const FOR_EVER_MS = 60_000

let server: RedisServer
let proxy: FaultProxy

beforeAll(async () => {
  server = await startRedis()
})

afterAll(() => server.stop())

beforeEach(async () => {
  await server.cli('FLUSHALL')
  proxy = await startFaultProxy(server)
})

afterEach(() => proxy.stop())

function open(options: RedisOAuthDatabaseOptions = {}): RedisOAuthDatabase {
  const { host, port } = proxy
  return new RedisOAuthDatabase({ host, port, commandTimeout: FOR_EVER_MS, ...options })
}

const outcomeOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => 'done',
    ({ code }) => code,
  )

const never = (): Promise<never> => new Promise(() => {})

it('the table has every method that may wait', () => {
  const others = ['close', 'encryptionKeyUsage', 'reseal']
  const methods = methodsOf(RedisOAuthDatabase).filter((name) => !others.includes(name))
  expect(Object.keys(CALLS).sort()).toEqual(methods.sort())
})

describe.each(Object.entries(CALLS))('%s', (_method, call) => {
  it('that is under way when close is called, finishes', async () => {
    const db = open()
    await fill(db, KEYS)
    await db.getAccessToken(USER, URL_OF_TOKEN)
    const outcome = outcomeOf(call(db, KEYS))
    await db.close()
    expect(await outcome).toBe('done')
    expect(await outcomeOf(call(db, KEYS))).toBe('CLOSED')
  })

  it('that Redis leaves without answers, fails when close has waited for its time', async () => {
    const db = open()
    await fill(db, KEYS.slice(0, 3))
    await db.getAccessToken(USER, URL_OF_TOKEN)
    proxy.stall()
    const outcome = outcomeOf(call(db, KEYS))
    await db.close({ timeoutMs: 20 })
    expect(await outcome).toMatch(/^(CLOSED|OUTCOME_UNKNOWN)$/)
    proxy.resume()
  })
})

describe('close resolves in its time with', () => {
  it('a reseal that Redis leaves without answers', async () => {
    const key = { id: 'a', key: randomBytes(32) }
    const db = open({ encryption: { keys: [key], acceptPlaintext: true } })
    await db.ping()
    proxy.stall()
    const outcome = outcomeOf(db.reseal())
    await db.close({ timeoutMs: 20 })
    expect(await outcome).toBe('CLOSED')
    proxy.resume()
  })

  it('a storeTokens whose source is silent, which says how many were stored', async () => {
    const db = open()
    async function* source(): AsyncGenerator<{ key: string; token: string }> {
      yield { key: 'a', token: 'one' }
      await never()
    }
    const failure = db.storeTokens(source()).catch(Object)
    await db.getToken('a')
    await db.close({ timeoutMs: 20 })
    expect(await failure).toMatchObject({
      name: 'StoreTokensError',
      code: 'CLOSED',
      operation: 'storeTokens',
      attempted: 1,
      stored: 1,
      failures: [],
    })
  })

  it('work of singleFlight that never ends', async () => {
    const db = open()
    let outcome: Promise<unknown> | undefined
    await new Promise<void>((begun) => {
      const work = (): Promise<never> => {
        begun()
        return never()
      }
      outcome = outcomeOf(db.singleFlight('endless', work, { recheck: async () => undefined }))
    })
    await db.close({ timeoutMs: 20 })
    expect(await outcome).toBe('OUTCOME_UNKNOWN')
  })

  it.each(['seal', 'open'] as const)('a function %s that never ends', async (name) => {
    const sealing = {
      seal: async (bytes: Uint8Array) => (name === 'seal' ? never() : bytes),
      open: async () => never(),
    }
    const writer = open({
      encryption: { seal: async (bytes) => bytes, open: async (bytes) => bytes },
    })
    await writer.storeToken('a', 'one')
    await writer.close()
    const db = open({ encryption: sealing })
    const outcome = outcomeOf(name === 'seal' ? db.storeToken('b', 'two') : db.getToken('a'))
    await db.ping()
    await db.close({ timeoutMs: 20 })
    expect(await outcome).toBe('CLOSED')
  })

  it('an authorization server that never answers', async () => {
    const db = open()
    await fill(db, ['a'])
    await db.getAccessToken(USER, URL_OF_TOKEN)
    let outcome: Promise<unknown> | undefined
    await new Promise<void>((asked) => {
      const fetch = db.coordinatedFetch(() => {
        asked()
        return never()
      })
      const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: 'refresh' })
      outcome = outcomeOf(fetch(`${SERVER_URL}/token`, { method: 'POST', body }))
    })
    await db.close({ timeoutMs: 20 })
    expect(await outcome).toBe('OUTCOME_UNKNOWN')
  })

  it('calls under way, by the shortest time that a caller of it gives', async () => {
    const db = open()
    await db.ping()
    proxy.stall()
    const outcome = outcomeOf(db.getToken('a'))
    const patient = db.close()
    await db.close({ timeoutMs: 10 })
    expect(await outcome).toBe('CLOSED')
    await patient
    await db.close()
    proxy.resume()
  })
})

it('close of the view of a resource server closes the database, in its time', async () => {
  const db = open()
  await db.ping()
  proxy.stall()
  const outcome = outcomeOf(db.storeToken('a', 'one'))
  await db.forResourceServer().close({ timeoutMs: 10 })
  expect(await outcome).toBe('OUTCOME_UNKNOWN')
  proxy.resume()
})

it('close lets no refresh token out with less than 10 seconds left', async () => {
  const db = open()
  await fill(db, ['a'])
  await db.getAccessToken(USER, URL_OF_TOKEN)
  let requests = 0
  const fetch = db.coordinatedFetch(async () => {
    requests += 1
    return Response.json({ access_token: 'renewed', refresh_token: 'renewed' })
  })
  const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: 'refresh' })
  const outcome = outcomeOf(fetch(`${SERVER_URL}/token`, { method: 'POST', body }))
  await db.close({ timeoutMs: 9_999 })
  expect(await outcome).toBe('CLOSED')
  expect(requests).toBe(0)
})

it('close ends the rescue of a renewed pair and tells how many pairs are lost', async () => {
  const lost: SessionEvent[] = []
  let retry = (): void => {}
  const retried = new Promise<void>((resolve) => {
    retry = resolve
  })
  const listen = (message: unknown): void => {
    const event = message as SessionEvent
    if (event.event === 'pairsLost') lost.push(event)
    if (event.event === 'saveRetried') retry()
  }
  diagnostics.subscribe(CHANNELS.session, listen)
  const db = open({ commandTimeout: 100 })
  await fill(db, ['a'])
  await db.getAccessToken(USER, URL_OF_TOKEN)
  const fetch = db.coordinatedFetch(async () => {
    // Redis is away when the answer comes.
    proxy.refuse()
    proxy.cut()
    return Response.json({ access_token: 'renewed', refresh_token: 'renewed' })
  })
  const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: 'refresh' })
  const outcome = outcomeOf(fetch(`${SERVER_URL}/token`, { method: 'POST', body }))
  await retried
  await db.close({ timeoutMs: 300 })
  // Within an attempt, or between two of them.
  expect(await outcome).toMatch(/^(CLOSED|OUTCOME_UNKNOWN)$/)
  expect(lost).toEqual([{ event: 'pairsLost', count: 1 }])
  diagnostics.unsubscribe(CHANNELS.session, listen)
})

it.each([-1, 1.5, Number.NaN, 2 ** 31, '1'])(
  'close refuses %s for timeoutMs',
  async (timeoutMs) => {
    const db = open()
    await expect(db.close({ timeoutMs: timeoutMs as number })).rejects.toThrow(
      new TypeError(
        'options.timeoutMs must be a whole number of milliseconds from 0 to 2147483647',
      ),
    )
    await db.ping()
    await db.close()
  },
)
