import { Cluster, Redis, type RedisOptions } from 'ioredis-6'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { RedisOAuthDatabaseOptions } from '../../../src/index.js'
import { eventually } from '../../support/eventually.js'
import { openDatabase, startServer } from '../../support/scene.js'
import { startCluster } from '../../support/servers/cluster.js'
import { startRedis } from '../../support/servers/redis-server.js'
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
  it('keeps a near cache that hears of changes, and records of every kind', async () => {
    const server = await startServer()
    const at: RedisOptions = { host: server.host, port: server.port }
    const client = new Redis({ ...at, ...options } as { port: number })
    onTestFinished(() => client.disconnect())
    const db = openDatabase({ ...lent(client), cache: true })
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
})
