import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'
import { exportRecords, importPublished, importRecords } from '../../src/admin.js'
import { encryptionHooks } from '../support/databases/encryption-hooks.mjs'
import { eventually } from '../support/eventually.js'
import { startAuthorizationServer } from '../support/fleet/authorization-server.mjs'
import { startMcpServer } from '../support/fleet/mcp-server.mjs'
import type { DatabaseChoice, Outcome } from '../support/fleet/worker.mjs'
import { startProcesses, type TestProcess } from '../support/processes/processes.js'
import { openDatabase, startServer } from '../support/scene.js'
import { startCluster } from '../support/servers/cluster.js'
import { recordsOf } from '../support/transfer/every-record.js'

const WORKER = fileURLToPath(new URL('../support/fleet/worker.mjs', import.meta.url))
const USERS = Array.from({ length: 4 }, (_, i) => `base:0xf1ee${i}`)

// The page's steps: docs/from-redis-oauth-db.md.
it('a fleet of the published class is moved to a Cluster under load, and no session is lost', async () => {
  const [redis, cluster] = await Promise.all([startServer(), startCluster()])
  onTestFinished(() => cluster.stop())
  const authorizationServer = await startAuthorizationServer()
  const { issuer, introspect } = authorizationServer
  const mcpServer = await startMcpServer({ issuer, introspect })
  onTestFinished(async () => {
    await Promise.all([authorizationServer.stop(), mcpServer.stop()])
  })
  const configure = (worker: TestProcess, accountId: string, database: DatabaseChoice) =>
    worker.call('configure', { issuer, mcpOrigin: mcpServer.origin, accountId, database })
  const start = async (count: number): Promise<TestProcess[]> => {
    const started = await startProcesses({ entry: WORKER, count })
    onTestFinished(async () => {
      await Promise.all(started.map((worker) => worker.kill()))
    })
    return started
  }

  // The published class refreshes in each process for itself, so each user has a process.
  const secret = randomBytes(32).toString('hex')
  const published: DatabaseChoice = { kind: 'published', url: redis.url, secret }
  const before = await start(USERS.length)
  await Promise.all(before.map((worker, at) => configure(worker, USERS[at] ?? '', published)))
  // One after the other: it coordinates no registrations.
  for (const worker of before) expect(await worker.call('connect')).toMatchObject({ failures: [] })
  // Each ends its connecting with a GET in the background, which would refresh a second time.
  await eventually(() => mcpServer.counters().refusedEventStreams >= USERS.length)
  authorizationServer.expireAccessTokens()
  let isServing = true
  const load = Promise.all(
    before.map(async (worker) => {
      while (isServing) {
        expect(await worker.call('call', { times: 5 })).toMatchObject({ failures: [] })
      }
    }),
  )
  await eventually(() => authorizationServer.counters().refreshes >= USERS.length)

  // 1. Stop the processes of the published class, once their requests have ended.
  isServing = false
  await load
  await Promise.all(before.map((worker) => worker.call('close')))
  const old = authorizationServer.counters()
  expect(old).toMatchObject({ registrations: 1, codeGrants: USERS.length, familiesRevoked: 0 })
  // 2. Import: registrations of both roles first.
  const encryption = { keys: [{ id: 'a', key: randomBytes(32).toString('base64') }] }
  const options = {
    cluster: { nodes: cluster.nodes.map(({ host, port }) => ({ host, port })) },
    encryption,
  }
  const db = openDatabase(options)
  const { decrypt } = encryptionHooks(secret)
  const moved = await importPublished(db, { url: redis.url, decrypt })
  // The PKCE values of each login are not consumed by the published class.
  expect(moved).toEqual({ added: 2 + 2 * USERS.length, kept: 0, refused: 0 })
  // 3. Start the new processes; now any process may serve any user.
  const after = await start(2 * USERS.length)
  const ours: DatabaseChoice = { kind: 'redis', options, wrap: true }
  await Promise.all(
    after.map((worker, at) => configure(worker, USERS[at % USERS.length] ?? '', ours)),
  )
  const inAll = (name: string, args?: object): Promise<Outcome[]> =>
    Promise.all(after.map((worker) => worker.call<Outcome>(name, args)))
  const allAnswer = after.map(() => expect.objectContaining({ failures: [] }))
  expect(await inAll('connect')).toEqual(allAnswer)
  for (let round = 0; round < 2; round += 1) {
    authorizationServer.expireAccessTokens()
    expect(await inAll('call', { times: 5 })).toEqual(allAnswer)
  }

  const { refreshes } = authorizationServer.counters()
  expect(refreshes - old.refreshes).toBe(2 * USERS.length)
  expect(authorizationServer.counters()).toMatchObject({
    registrations: 1,
    codeGrants: USERS.length,
    refusedRefreshes: 0,
    reuseDetections: 0,
    familiesRevoked: 0,
  })

  // Everything out as NDJSON and in again gives the same records.
  const copy = openDatabase({ url: redis.url, encryption })
  expect(await importRecords(copy, exportRecords(db))).toMatchObject({ kept: 0, refused: 0 })
  expect(await recordsOf(copy)).toEqual(await recordsOf(db))
})
