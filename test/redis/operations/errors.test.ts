import diagnostics from 'node:diagnostics_channel'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  CHANNELS,
  DeletionError,
  type OperationEvent,
  RedisOAuthDatabase,
  RedisOAuthDatabaseError,
} from '../../../src/index.js'
import { type FaultProxy, startFaultProxy } from '../../support/network/fault-proxy.js'
import { CALLS, type Call, fill, keysOf } from '../../support/operations/every-method.js'
import { type RedisServer, redisMajor, startRedis } from '../../support/servers/redis-server.js'

const KEYS = keysOf(3)

let server: RedisServer
let proxy: FaultProxy

beforeAll(async () => {
  server = await startRedis()
  proxy = await startFaultProxy(server)
})

afterAll(async () => {
  await proxy.stop()
  await server.stop()
})

function open(): RedisOAuthDatabase {
  const { host, port } = proxy
  return new RedisOAuthDatabase({ host, port, maxRetriesPerRequest: 0, commandTimeout: 500 })
}

async function theCallingFunction(db: RedisOAuthDatabase, call: Call): Promise<void> {
  await call(db, KEYS)
}

async function failureOf(db: RedisOAuthDatabase, call: Call): Promise<RedisOAuthDatabaseError> {
  try {
    await theCallingFunction(db, call)
  } catch (error) {
    return error as RedisOAuthDatabaseError
  }
  throw new Error('it did not fail')
}

/** What a view calls by another name: the method that it is of the database. */
const nameOf = (method: string): string =>
  method === 'forResourceServer' ? 'getClientCredentials' : method

describe.each(Object.entries(CALLS))('an error of %s', (method, call) => {
  it('names method and server, and its stack leads to the caller', async () => {
    const db = open()
    await fill(db, KEYS)
    await db.getAccessToken('user', 'https://mcp.example/')
    proxy.refuse()
    proxy.cut()
    const error = await failureOf(db, call)
    await proxy.accept()
    await db.close({ timeoutMs: 0 })
    expect(error).toBeInstanceOf(RedisOAuthDatabaseError)
    expect(error).toMatchObject({ operation: nameOf(method), server: `127.0.0.1:${proxy.port}` })
    expect(error.message).toMatch(new RegExp(`^${nameOf(method)} failed: `))
    expect(error.stack).toContain('theCallingFunction')
    expect(error.stack?.split('\n')[0]).toBe(`${error.name}: ${error.message}`)
  })
})

describe('an error', () => {
  it("is each call's own, though they have failed with one command", async () => {
    const db = open()
    await db.ping()
    proxy.refuse()
    proxy.cut()
    const calls = [db.getToken('a'), db.getToken('a'), db.hasToken('b')]
    const failures = await Promise.all(calls.map((call) => call.catch((error: unknown) => error)))
    await proxy.accept()
    await db.close()
    expect(new Set(failures).size).toBe(3)
    expect(failures.map((error) => (error as RedisOAuthDatabaseError).operation)).toEqual([
      'getToken',
      'getToken',
      'hasToken',
    ])
  })

  it("of a caller's own work, and that of a call within it, pass as they are", async () => {
    const db = open()
    const own = new Error('the work failed')
    const options = { recheck: async () => undefined }
    const failing = db.singleFlight('failing', () => Promise.reject(own), options)
    await expect(failing).rejects.toBe(own)
    await server.cli('RPUSH', 'atxp:oauth:list', 'an element')
    const nested = db.singleFlight('nested', () => db.getToken('list'), options)
    await expect(nested).rejects.toMatchObject({ code: 'WRONG_TYPE', operation: 'getToken' })
    await db.close()
  })

  it('of deletions says how many there were of which kind, and all were tried', async () => {
    const db = open()
    const keys = keysOf(2_500)
    await fill(db, keys)
    await server.cli('DEL', 'atxp:oauth:a7')
    // The user may delete all but one: of the first thousand.
    await server.cli('ACL', 'SETUSER', 'default', '-del')
    const refused = await db.deleteTokens(keys).catch((error: unknown) => error)
    await server.cli('ACL', 'SETUSER', 'default', '+del')
    expect(refused).toBeInstanceOf(DeletionError)
    expect(refused).toMatchObject({
      code: 'PERMISSION_DENIED',
      removed: 0,
      failed: 2_500,
      notTried: 0,
    })
    await server.cli(
      'ACL',
      'SETUSER',
      'default',
      'resetkeys',
      ...(redisMajor() >= 7 ? ['%R~*'] : []),
      '~atxp:oauth:a1*',
      '~atxp:oauth:~*',
    )
    const some = await db.deleteTokens(keys).catch((error: unknown) => error)
    await server.cli('ACL', 'SETUSER', 'default', 'allkeys')
    const allowed = keys.filter((key) => key.startsWith('a1')).length
    expect(some).toMatchObject({
      code: 'PERMISSION_DENIED',
      operation: 'deleteTokens',
      removed: allowed,
      failed: 2_500 - allowed,
      notTried: 0,
    })
    expect(await db.deleteTokens(keys)).toBe(2_500 - allowed - 1)
    await db.close()
  })

  it("of a user's deletion that could not even search counts, too", async () => {
    const db = open()
    await fill(db, [])
    proxy.dropReplies('hgetall', { times: 100 })
    const failure = await db.deleteUser('user').catch((error: unknown) => error)
    await db.close({ timeoutMs: 0 })
    expect(failure).toMatchObject({ name: 'DeletionError', operation: 'deleteUser' })
  })
})

it('a scan whose connection is always cut before its end fails, and says why', async () => {
  const pairs = Array.from({ length: 20_000 }, (_, i) => [`stranger:${i}`, 'value'])
  await server.cli('MSET', ...pairs.flat())
  const { host, port } = proxy
  const db = new RedisOAuthDatabase({
    host,
    port,
    retryDelayOnFailover: 1,
    maxRetriesPerRequest: 1_000,
    commandTimeout: 30_000,
  })
  await db.ping()
  let scans = 0
  const isFifth = ([name]: string[]): boolean => name === 'scan' && ++scans % 5 === 0
  const fault = proxy.dropReplies(isFifth, { times: 1_000 })
  await expect(db.listTokens()).rejects.toMatchObject({
    code: 'CONNECTION_LOST',
    operation: 'listTokens',
    message: expect.stringContaining('10 times'),
  })
  fault.cancel()
  expect(scans).toBeLessThan(100)
  await db.close()
})

describe('an event of a call', () => {
  it('says method, outcome, code and duration, and nothing else', async () => {
    const events: OperationEvent[] = []
    const listen = (message: unknown): void => {
      events.push(message as OperationEvent)
    }
    const db = open()
    await db.storeToken('unheard', 'a')
    diagnostics.subscribe(CHANNELS.operation, listen)
    await db.storeToken('a', 'b')
    await db.getToken('').catch(() => {})
    await server.cli('RPUSH', 'atxp:oauth:another-list', 'an element')
    await db.getToken('another-list').catch(() => {})
    diagnostics.unsubscribe(CHANNELS.operation, listen)
    await db.getToken('a')
    const durationMs = expect.any(Number)
    expect(events).toEqual([
      { outcome: 'done', method: 'storeToken', durationMs },
      { outcome: 'failed', method: 'getToken', code: null, durationMs },
      { outcome: 'failed', method: 'getToken', code: 'WRONG_TYPE', durationMs },
    ])
    await db.close()
  })
})
