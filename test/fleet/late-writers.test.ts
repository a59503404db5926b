import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { RedisOAuthDatabase } from '../../src/index.js'
import { COMPARE_AND_SET_INDEXED, RELEASE } from '../../src/redis/scripts.js'
import { eventually } from '../support/eventually.js'
import {
  type AuthorizationServer,
  startAuthorizationServer,
} from '../support/fleet/authorization-server.mjs'
import { startMcpServer, type TestMcpServer } from '../support/fleet/mcp-server.mjs'
import { ACCOUNT, createRawClient } from '../support/fleet/raw-client.js'
import type { Outcome } from '../support/fleet/worker.mjs'
import { type FaultProxy, startFaultProxy } from '../support/network/fault-proxy.js'
import { startProcesses, type TestProcess } from '../support/processes/processes.js'
import { type RedisServer, startRedis } from '../support/servers/redis-server.js'

const WORKER = fileURLToPath(new URL('../support/fleet/worker.mjs', import.meta.url))

let redis: RedisServer
let proxy: FaultProxy
let authorizationServer: AuthorizationServer
let mcp: TestMcpServer
let late: TestProcess
let other: TestProcess
let db: RedisOAuthDatabase

beforeAll(async () => {
  redis = await startRedis()
  proxy = await startFaultProxy({ port: redis.port })
  authorizationServer = await startAuthorizationServer()
  const { issuer, introspect } = authorizationServer
  mcp = await startMcpServer({ issuer, introspect })
  const processes = await startProcesses({ entry: WORKER, count: 2 })
  ;[late, other] = processes as [TestProcess, TestProcess]
})
afterAll(async () => {
  await Promise.all([late, other].map((worker) => worker?.kill()))
  await mcp?.stop()
  await authorizationServer?.stop()
  await proxy?.stop()
  await redis?.stop()
})

beforeEach(async () => {
  await redis.cli('FLUSHALL')
  authorizationServer.reset()
  mcp.reset()
  db = new RedisOAuthDatabase({ url: redis.url })
  const configure = (worker: TestProcess, port: number) =>
    worker.call('configure', {
      issuer: authorizationServer.issuer,
      mcpOrigin: mcp.origin,
      accountId: ACCOUNT,
      database: { kind: 'redis', options: { url: `redis://127.0.0.1:${port}` }, wrap: true },
    })
  // What the late one sends can be held on its way.
  await configure(late, proxy.port)
  await configure(other, redis.port)
  await late.call('connect')
  await eventually(() => mcp.counters().refusedEventStreams === 1)
  authorizationServer.expireAccessTokens()
})
afterEach(async () => {
  proxy.resume()
  late.resume()
  await db.close()
})

/** Holds the next command that runs this script, and all that is sent after it; resolves when it is there. */
const holdScript = (script: string) => proxy.holdRequests(([, text]) => text === script)

/** How the process comes to a point of its refresh at which the signal stops it. */
const points: Record<string, () => Promise<void>> = {
  'has not heard the answer of the authorization server': async () => {
    const hold = authorizationServer.holdTokenRequest({ point: 'after' })
    await authorizationServer.reached(hold)
    late.pause()
    authorizationServer.release(hold)
  },
  'has its save on the way': async () => {
    await holdScript(COMPARE_AND_SET_INDEXED)
    late.pause()
  },
  'has saved, and its client is about to save the same': async () => {
    await holdScript(RELEASE)
    late.pause()
  },
}

/** Begins a call in the late process, stops it at that point for as long as `meanwhile` takes, and lets it end. */
async function stallAt(
  standAt: () => Promise<void>,
  meanwhile: () => Promise<unknown>,
): Promise<Outcome> {
  const standing = standAt()
  const call = late.call<Outcome>('call')
  await standing
  await meanwhile()
  proxy.resume()
  late.resume()
  return call
}

const standing = () => db.getAccessToken(ACCOUNT, mcp.url())

/** The authorization server numbers what it issues. */
const numberOf = (token = '') => Number(/\d+$/.exec(token)?.[0])

describe.each(Object.entries(points))('a process that %s', (_name, standAt) => {
  it('brings no session back after deleteUser', async () => {
    let lastBefore = Number.NaN
    await stallAt(standAt, async () => {
      expect(await db.deleteUser(ACCOUNT)).toBeGreaterThan(0)
      // Of somebody else, and later than all that the deleted session has ever got.
      const { tokens } = await createRawClient(authorizationServer.issuer).login()
      lastBefore = numberOf(String(tokens.refresh_token))
    })
    const session = await standing()
    // A client that finds no session may have logged in again: that is another one.
    if (session !== null) expect(numberOf(session.accessToken)).toBeGreaterThan(lastBefore)
    expect(authorizationServer.counters()).toMatchObject({
      authorizations: session === null ? 2 : 3,
      refreshes: 1,
      reuseDetections: 0,
    })
  })

  it('leaves a newer login as it is, and calls with it', async () => {
    let newer: unknown
    const outcome = await stallAt(standAt, async () => {
      const redirect = await other.call<string>('beginLogin')
      expect(await other.call('finishLogin', { redirect })).toMatchObject({ ok: 1 })
      newer = await standing()
    })
    expect(outcome).toMatchObject({ ok: 1, failures: [] })
    expect(await standing()).toEqual(newer)
    expect(authorizationServer.counters()).toMatchObject({
      authorizations: 2,
      refreshes: 1,
      reuseDetections: 0,
    })
  })
})
