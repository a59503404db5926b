import { randomBytes } from 'node:crypto'
import { Cluster, Redis } from 'ioredis-6'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { RedisOAuthDatabaseOptions } from '../../../src/index.js'
import { eventually } from '../../support/eventually.js'
import { ADMIN_CALLS } from '../../support/operations/every-function.js'
import { CALLS, fill } from '../../support/operations/every-method.js'
import { openDatabase, startServer } from '../../support/scene.js'
import { startCluster } from '../../support/servers/cluster.js'
import { type RedisServer, startRedis } from '../../support/servers/redis-server.js'
import type { Topology } from '../../support/servers/topologies.js'
import { describeTokenContract } from '../../support/tokens/token-contract.js'

// A borrowed client of ioredis 6, which speaks RESP3, while our own are of ioredis 5.

const lent = (client: Redis | Cluster): RedisOAuthDatabaseOptions => ({ client })

const BORROWED: readonly Topology[] = [
  {
    name: 'a borrowed Redis of ioredis 6',
    async start() {
      const server = await startRedis()
      const client = new Redis({ host: server.host, port: server.port })
      return {
        options: lent(client),
        cli: (command, ...args) => server.cli(command, ...args),
        keys: (pattern) => server.cli('KEYS', pattern),
        async stop() {
          client.disconnect()
          await server.stop()
        },
      }
    },
  },
  {
    name: 'a borrowed Cluster of ioredis 6',
    async start() {
      const servers = await startCluster()
      const masters = await servers.masters()
      const client = new Cluster(servers.nodes.map(({ host, port }) => ({ host, port })))
      return {
        options: lent(client),
        cli: (command, ...args) => servers.cli(command, ...args),
        async keys(pattern) {
          const names = await Promise.all(
            masters.map((node) => node.cli<string[]>('KEYS', pattern)),
          )
          return names.flat().sort()
        },
        async stop() {
          client.disconnect()
          await servers.stop()
        },
      }
    },
  },
]

for (const topology of BORROWED) describeTokenContract(topology)

describe.each<[string, object]>([
  ['as it is', {}],
  ['that maps replies to the types of RESP3', { protocol: 3, replyMapping: 'resp3' }],
  ['that speaks RESP2', { protocol: 2 }],
  ['that gives numbers as strings', { stringNumbers: true }],
])('a client of ioredis 6 %s', (_what, options) => {
  function connect({ host, port }: RedisServer): Redis {
    const client = new Redis({ host, port, ...options } as { port: number })
    onTestFinished(() => client.disconnect())
    return client
  }

  it('keeps a near cache that hears of changes, and records of every kind', async () => {
    const server = await startServer()
    const db = openDatabase({ ...lent(connect(server)), cache: true })
    const peer = openDatabase({ host: server.host, port: server.port })
    await peer.storeToken('a', 'one')
    await eventually(async () => {
      const gets = async () =>
        /cmdstat_get:calls=(\d+)/.exec(await server.cli<string>('INFO', 'commandstats'))?.[1]
      expect(await db.getToken('a')).toBe('one')
      const before = await gets()
      await db.getToken('a')
      expect(await gets()).toBe(before)
    })
    await peer.storeToken('a', 'two')
    await eventually(async () => (await db.getToken('a')) === 'two')
    expect((await db.health()).warnings.filter(({ code }) => code === 'CACHE_OFF')).toEqual([])
    await db.savePKCEValues('user', 'state', {
      codeVerifier: 'verifier',
      codeChallenge: 'challenge',
      resourceUrl: 'https://example.com',
      url: 'https://example.com',
    })
    expect(await db.getPKCEValues('user', 'state')).toMatchObject({ codeVerifier: 'verifier' })
    expect(await db.getPKCEValues('user', 'state')).toBeNull()
    const recheck = async () => undefined
    expect(await db.singleFlight('a', async () => 'worked', { recheck })).toBe('worked')
  })

  it('serves every call', async () => {
    const server = await startServer()
    const client = connect(server)
    const lost = vi.fn()
    client.on('close', lost)
    const encryption = { keys: [{ id: 'k1', key: randomBytes(32) }] }
    const plain = openDatabase(lent(client))
    const sealed = openDatabase({ ...lent(client), keyPrefix: 'sealed:', encryption, cache: true })
    const failures: unknown[] = []
    for (const db of [plain, sealed]) {
      const calls = [
        ...Object.entries(CALLS).map(([name, call]) => [name, () => call(db, ['a0', 'a1'])]),
        ...Object.entries(ADMIN_CALLS)
          .filter(([name]) => db === sealed || name !== 'reseal')
          .map(([name, call]) => [name, () => call(db)]),
      ] as [string, () => Promise<unknown>][]
      for (const [name, call] of calls) {
        await fill(db, ['a0', 'a1'])
        await call().catch((error: Error) => failures.push([name, error.message]))
      }
    }
    expect(failures).toEqual([])
    expect(lost).not.toHaveBeenCalled()
  })

  it('waits for a replica', async () => {
    const server = await startServer()
    await startServer({ config: { replicaof: `${server.host} ${server.port}` } })
    await eventually(async () =>
      (await server.cli<string>('INFO', 'replication')).includes('state=online'),
    )
    const db = openDatabase({
      ...lent(connect(server)),
      durability: { replicas: 1, timeoutMs: 2_000 },
    })
    await db.storeToken('a', 'one')
    expect(await db.getToken('a')).toBe('one')
  })

  it('lists and deletes what a user has', async () => {
    const server = await startServer()
    const db = openDatabase(lent(connect(server)))
    const urls = ['__proto__', 'constructor', '1', 'https://mcp.example/']
    for (const url of urls) {
      await db.saveAccessToken('user', url, { accessToken: `of ${url}`, resourceUrl: url })
    }
    const listed = await db.listAccessTokens('user')
    expect(listed.map(({ url }) => url).sort()).toEqual([...urls].sort())
    expect(await db.deleteUser('user')).toBe(urls.length)
    expect(await db.listAccessTokens('user')).toEqual([])
  })
})
