import { expect, it } from 'vitest'
import type { HealthWarning, RedisOAuthDatabase } from '../../../src/index.js'
import { openDatabase, startServer } from '../../support/scene.js'
import type { RedisServer } from '../../support/servers/redis-server.js'

async function warningsOf(db: RedisOAuthDatabase): Promise<Map<string, HealthWarning>> {
  const { warnings } = await db.health()
  return new Map(warnings.map((warning) => [warning.code, warning]))
}

async function open(
  config: Record<string, string> = {},
): Promise<[RedisServer, RedisOAuthDatabase]> {
  const server = await startServer({ appendonly: true, config })
  return [server, openDatabase({ host: server.host, port: server.port })]
}

it('tells version, role, round trip, clock skew, eviction policy, memory and persistence', async () => {
  const [server, db] = await open({ 'maxmemory-policy': 'noeviction' })
  await db.storeToken('a', 'token')
  const { topology, nodes, warnings } = await db.health()
  expect(topology).toBe('server')
  expect(warnings).toEqual([])
  expect(nodes).toHaveLength(1)
  const [node] = nodes
  expect(node).toMatchObject({
    server: `${server.host}:${server.port}`,
    role: 'master',
    evictionPolicy: 'noeviction',
    connectedReplicas: 0,
    maxMemoryBytes: 0,
    hasAppendOnlyFile: true,
    changesSinceSnapshot: 1,
    canSave: true,
    keys: 1,
  })
  expect(node?.version).toMatch(/^\d+\.\d+/)
  expect(node?.roundTripMs).toBeGreaterThan(0)
  expect(node?.usedMemoryBytes).toBeGreaterThan(100_000)
  // The same machine's clock.
  expect(Math.abs(node?.clockSkewMs ?? Number.NaN)).toBeLessThan(1_000)
})

it('warns of a policy that drops records, and says what it drops first', async () => {
  const [server, db] = await open({ 'maxmemory-policy': 'allkeys-lru' })
  expect((await warningsOf(db)).get('EVICTION')).toEqual({
    code: 'EVICTION',
    server: `${server.host}:${server.port}`,
    message: expect.stringContaining('allkeys-lru'),
  })
  await server.cli('CONFIG', 'SET', 'maxmemory-policy', 'volatile-ttl')
  expect((await warningsOf(db)).get('EVICTION')?.message).toContain('leases')
  await server.cli('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
  expect((await db.health()).warnings).toEqual([])
})

it('warns of a memory that is nearly full, and of no append-only file', async () => {
  const [server, db] = await open()
  const [node] = (await db.health()).nodes
  await server.cli('CONFIG', 'SET', 'maxmemory', String(node?.usedMemoryBytes))
  expect([...(await warningsOf(db)).keys()]).toEqual(['OUT_OF_MEMORY'])
  await server.cli('CONFIG', 'SET', 'maxmemory', '0')
  await server.cli('CONFIG', 'SET', 'appendonly', 'no')
  expect([...(await warningsOf(db)).keys()]).toEqual(['NO_APPEND_ONLY_FILE'])
})

it('warns of a replica', async () => {
  const [master, db] = await open()
  const other = await startServer()
  await master.cli('REPLICAOF', other.host, String(other.port))
  expect([...(await warningsOf(db)).keys()]).toContain('READ_ONLY')
})
