import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { RedisOAuthDatabase, type RedisOAuthDatabaseOptions } from '../../../src/index.js'
import { expectFailure, SECRETS } from '../../support/connection/failure-facts.js'
import { eventually } from '../../support/eventually.js'
import { type FaultProxy, startFaultProxy } from '../../support/network/fault-proxy.js'
import { type RedisServer, startRedis } from '../../support/servers/redis-server.js'

const COMMAND_TIMEOUT_MS = 400
// Generous: the machine may be busy.
const SETTLES_WITHIN_MS = 2_500

let server: RedisServer
let proxy: FaultProxy
let databases: RedisOAuthDatabase[]

beforeEach(async () => {
  server = await startRedis()
  proxy = await startFaultProxy(server)
  databases = []
})

afterEach(async () => {
  if (server.running) server.resume()
  proxy.resume()
  await Promise.all(databases.map((db) => db.close()))
  await proxy.stop()
  await server.stop()
})

function open(port: number, options: RedisOAuthDatabaseOptions = {}): RedisOAuthDatabase {
  const db = new RedisOAuthDatabase({
    host: '127.0.0.1',
    port,
    commandTimeout: COMMAND_TIMEOUT_MS,
    retryDelayOnFailover: 10,
    ...options,
  })
  databases.push(db)
  return db
}

async function connected(): Promise<RedisOAuthDatabase> {
  const db = open(server.port)
  await eventually(() => db.ping())
  return db
}

/** Calls everything at once and gives the codes with which it failed. All of it has to settle in time. */
async function codesOf(db: RedisOAuthDatabase): Promise<Record<string, string>> {
  const startedAt = performance.now()
  const calls = {
    storeToken: db.storeToken('a', SECRETS.token),
    getToken: db.getToken('a'),
    deleteToken: db.deleteToken('b'),
    hasToken: db.hasToken('a'),
    listTokens: db.listTokens(),
    storeTokens: db.storeTokens([{ key: 'a', token: SECRETS.token }]),
    getTokens: db.getTokens(['a', 'b']),
    deleteTokens: db.deleteTokens(['b', 'c']),
    getTokenExpiry: db.getTokenExpiry('a'),
    ping: db.ping(),
  }
  const codes = await Promise.all(
    Object.entries(calls).map(async ([name, call]) => {
      const code = await call.then(
        () => 'none',
        (error: { code?: string }) => error.code ?? String(error),
      )
      return [name, code]
    }),
  )
  expect(performance.now() - startedAt).toBeLessThan(SETTLES_WITHIN_MS)
  return Object.fromEntries(codes)
}

const READS_TIME_OUT = {
  getToken: 'TIMEOUT',
  hasToken: 'TIMEOUT',
  listTokens: 'TIMEOUT',
  getTokens: 'TIMEOUT',
  getTokenExpiry: 'TIMEOUT',
  ping: 'TIMEOUT',
}

const WRITES_UNKNOWN = {
  storeToken: 'OUTCOME_UNKNOWN',
  storeTokens: 'OUTCOME_UNKNOWN',
  deleteToken: 'OUTCOME_UNKNOWN',
  deleteTokens: 'OUTCOME_UNKNOWN',
}

describe('a server that hangs', () => {
  it('lets every call settle within commandTimeout; a write that was sent has an unknown outcome', async () => {
    const db = await connected()
    server.pause()
    expect(await codesOf(db)).toEqual({ ...READS_TIME_OUT, ...WRITES_UNKNOWN })
  })

  it('lets every call settle again and again, as long as it hangs', async () => {
    const db = await connected()
    server.pause()
    await codesOf(db)
    for (let i = 0; i < 3; i += 1) {
      const codes = await codesOf(db)
      expect(Object.values(codes).filter((code) => !/TIMEOUT|OUTCOME_UNKNOWN/.test(code))).toEqual(
        [],
      )
    }
  })

  it('before the first call was not sent anything: writes fail with CONNECTION_TIMEOUT and never happen', async () => {
    server.pause()
    const db = open(server.port, { connectionTimeout: COMMAND_TIMEOUT_MS })
    expect(new Set(Object.values(await codesOf(db)))).toEqual(new Set(['CONNECTION_TIMEOUT']))
    server.resume()
    await eventually(() => db.ping())
    expect(await server.cli('DBSIZE')).toBe(0)
  })

  it('names the server and what to check', async () => {
    const db = await connected()
    server.pause()
    const name = `127.0.0.1:${server.port}`
    const [timedOut, unknown] = await Promise.all([
      expectFailure(db.getToken('a'), 'TIMEOUT', name),
      expectFailure(db.storeToken('a', SECRETS.token), 'OUTCOME_UNKNOWN', name),
    ])
    expect(timedOut.message).toMatch(/redis-cli ping.*network.*commandTimeout/)
    expect(unknown.message).toMatch(/may have happened/)
  })

  it('is used again when it goes on', async () => {
    const db = open(server.port)
    await db.storeToken('before', 'one')
    server.pause()
    await codesOf(db)
    server.resume()
    await eventually(() => db.ping())
    expect(await db.getToken('before')).toBe('one')
    await db.storeToken('after', 'two')
    expect(await db.getToken('after')).toBe('two')
  })

  it('is left for the one that takes its place', async () => {
    const db = await connected()
    server.pause()
    await codesOf(db)
    await server.restart({ keepData: false })
    await eventually(() => db.ping())
    await db.storeToken('after', 'two')
    expect(await server.cli('GET', 'atxp:oauth:after')).toBe('two')
  })

  it('lets a thousand waiting calls settle together, without a warning', async () => {
    const warnings: string[] = []
    const onWarning = ({ message }: Error) => warnings.push(message)
    process.on('warning', onWarning)
    const db = await connected()
    server.pause()
    for (let i = 0; i < 2; i += 1) {
      const startedAt = performance.now()
      const calls = Array.from({ length: 1_000 }, () => db.getToken('a'))
      const results = await Promise.allSettled(calls)
      expect(results.every(({ status }) => status === 'rejected')).toBe(true)
      expect(performance.now() - startedAt).toBeLessThan(SETTLES_WITHIN_MS)
    }
    await new Promise((resolve) => setImmediate(resolve))
    process.off('warning', onWarning)
    expect(warnings).toEqual([])
  })
})

describe('a connection that is half open', () => {
  it('is given up, and a new one serves', async () => {
    const db = open(proxy.port)
    await db.storeToken('a', 'one')
    proxy.halfOpen()
    const codes = await codesOf(db)
    expect(codes).toEqual({ ...READS_TIME_OUT, ...WRITES_UNKNOWN })
    proxy.resume()
    await eventually(() => db.ping())
    expect(await db.getToken('a')).toBe('one')
    expect(proxy.accepted).toBeGreaterThan(1)
  })
})

it('an answer that comes late, but in time, ends nothing', async () => {
  const db = open(proxy.port, { commandTimeout: 3_000 })
  await db.ping()
  proxy.delay(300)
  await db.storeToken('a', 'one')
  expect(await db.getToken('a')).toBe('one')
  expect(proxy.accepted).toBe(1)
})

it('a server that answers late only once is not left', async () => {
  const db = open(proxy.port, { commandTimeout: 1_000 })
  await db.ping()
  proxy.stall('replies')
  const slow = db.getToken('a')
  await eventually(async () => Number(await server.cli('DBSIZE')) === 0)
  proxy.resume()
  expect(await slow).toBeNull()
  expect(proxy.accepted).toBe(1)
})
