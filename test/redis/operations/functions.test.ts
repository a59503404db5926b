import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as admin from '../../../src/admin.js'
import { RedisOAuthDatabase, RedisOAuthDatabaseError } from '../../../src/index.js'
import { type FaultProxy, startFaultProxy } from '../../support/network/fault-proxy.js'
import {
  ADMIN_CALLS,
  PROVIDER_CALLS,
  PROVIDER_OTHERS,
  providerOf,
} from '../../support/operations/every-function.js'
import { fill } from '../../support/operations/every-method.js'
import { type RedisServer, startRedis } from '../../support/servers/redis-server.js'

// What @atxp/redis/admin and @atxp/redis/mcp give keeps the promises of the class' methods.

const ENCRYPTION = { keys: [{ id: 'k1', key: randomBytes(32) }] }
const COMMAND_TIMEOUT_MS = 200
/** Longer than a test: what does not end before, ends by `close` alone. */
const FOR_EVER_MS = 60_000

let server: RedisServer
let proxy: FaultProxy

// A walk in a function in a function has many frames of its own.
const { stackTraceLimit } = Error

beforeAll(async () => {
  Error.stackTraceLimit = 20
  server = await startRedis()
  proxy = await startFaultProxy(server)
})

afterAll(async () => {
  Error.stackTraceLimit = stackTraceLimit
  await proxy.stop()
  await server.stop()
})

async function open(commandTimeout = COMMAND_TIMEOUT_MS): Promise<RedisOAuthDatabase> {
  await server.cli('FLUSHALL')
  const { host, port } = proxy
  const db = new RedisOAuthDatabase({ host, port, commandTimeout, encryption: ENCRYPTION })
  await fill(db, ['a0'])
  return db
}

const PROVIDER = "the provider's"

type Call = (db: RedisOAuthDatabase) => Promise<unknown>

const CALLS: { readonly [name: string]: Call } = {
  ...ADMIN_CALLS,
  ...Object.fromEntries(
    Object.entries(PROVIDER_CALLS).map(([member, call]) => [
      `${PROVIDER} ${member}`,
      async (db: RedisOAuthDatabase) => await call(providerOf(db), db),
    ]),
  ),
}

async function theCallingFunction(call: () => Promise<unknown>): Promise<void> {
  await call()
}

async function failureOf(call: () => Promise<unknown>): Promise<RedisOAuthDatabaseError> {
  return theCallingFunction(call).then(
    () => expect.fail('it did not fail'),
    (error: unknown) => error as RedisOAuthDatabaseError,
  )
}

/** What is another name for a method. */
const METHODS: { readonly [name: string]: string } = {
  revokeSession: 'deleteAccessToken',
  revokeUser: 'deleteUser',
  tokens: 'getAccessToken',
  saveTokens: 'saveAccessToken',
  invalidateCredentials: 'deleteAccessToken',
}

function expectNamed(error: RedisOAuthDatabaseError, name: string): void {
  expect(error).toBeInstanceOf(RedisOAuthDatabaseError)
  const own = name.replace(`${PROVIDER} `, '')
  expect(error.operation).toBe(METHODS[own] ?? own)
  expect(error.server).toBe(`127.0.0.1:${proxy.port}`)
  expect(error.message).toMatch(new RegExp(`^${error.operation} failed: `))
  expect(error.stack).toContain('theCallingFunction')
}

it('the tables have every function and every member', () => {
  const functions = Object.entries(admin).filter(([, value]) => typeof value === 'function')
  expect(Object.keys(ADMIN_CALLS).sort()).toEqual(functions.map(([name]) => name).sort())
  const db = new RedisOAuthDatabase()
  const members = new Set(
    [providerOf(db), providerOf(db, true)].flatMap((provider) =>
      Object.entries(provider)
        .filter(([, value]) => typeof value === 'function')
        .map(([name]) => name),
    ),
  )
  expect([...Object.keys(PROVIDER_CALLS), ...PROVIDER_OTHERS].sort()).toEqual(
    [...members, 'finishMcpLogin'].sort(),
  )
})

describe.each(Object.entries(CALLS))('%s', (name, call) => {
  it('ends by itself while Redis leaves it without answers, and says why', async () => {
    const db = await open()
    proxy.stall()
    try {
      if (name === 'doctor') {
        expect(await call(db)).toContainEqual(
          expect.objectContaining({ mark: 'trouble', code: 'TIMEOUT' }),
        )
        return
      }
      const error = await failureOf(() => call(db))
      expectNamed(error, name)
      expect(error.code).toMatch(/^(TIMEOUT|OUTCOME_UNKNOWN)$/)
    } finally {
      await db.close({ timeoutMs: 0 })
      proxy.resume()
    }
  })

  it('ends with close', async () => {
    const db = await open(FOR_EVER_MS)
    proxy.stall()
    const failing = failureOf(() => call(db))
    await db.close({ timeoutMs: 20 })
    const error = await failing
    proxy.resume()
    expectNamed(error, name)
    expect(error.code).toMatch(/^(CLOSED|OUTCOME_UNKNOWN)$/)
  })

  it('rejects with CLOSED after close', async () => {
    const db = await open()
    await db.close()
    const error = await failureOf(() => call(db))
    expectNamed(error, name)
    expect(error.code).toBe('CLOSED')
  })
})

describe.each(Object.entries(ADMIN_CALLS).filter(([name]) => !/^(revoke|sessions)/.test(name)))(
  '%s',
  (name, call) => {
    it('ends with its signal', async () => {
      const db = await open()
      const error = await failureOf(() => call(db, { signal: AbortSignal.abort() }))
      await db.close()
      expectNamed(error, name)
      expect(error).toMatchObject({ code: 'ABORTED', operation: name })
    })
  },
)
