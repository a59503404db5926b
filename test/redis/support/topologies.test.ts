import { Cluster, Redis, type RedisOptions } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RedisOAuthDatabase } from '../../../src/index.js'
import { eventually } from '../../support/eventually.js'
import { bareClient } from '../../support/servers/bare-client.js'
import { certificates } from '../../support/servers/certificates.js'
import { type ClusterServers, startCluster } from '../../support/servers/cluster.js'
import type { RedisServer } from '../../support/servers/redis-server.js'
import { type SentinelGroup, startSentinel } from '../../support/servers/sentinel.js'
import { TEST_PREFIX, TOPOLOGIES, type Topology } from '../../support/servers/topologies.js'

describe('a Sentinel group', () => {
  let group: SentinelGroup
  let redis: Redis

  beforeAll(async () => {
    group = await startSentinel({ password: 'data', sentinelPassword: 'sentinel' })
    redis = new Redis({
      sentinels: group.addresses,
      name: group.masterName,
      password: 'data',
      sentinelPassword: 'sentinel',
      sentinelRetryStrategy: () => 50,
    })
    redis.on('error', () => undefined)
  })

  afterAll(async () => {
    redis.disconnect()
    await group.stop()
  })

  it('leads a client to its master, whose replicas follow', async () => {
    await redis.set('a', '1')
    expect(await redis.wait(2, 5_000)).toBe(2)
    const [first, second, third] = group.nodes
    expect(await group.currentMaster()).toBe(first)
    expect(await second?.cli('GET', 'a')).toBe('1')
    expect(await third?.cli('GET', 'a')).toBe('1')
  })

  it('asks for its passwords', async () => {
    const [sentinel] = group.sentinels
    const [master] = group.nodes
    await expect(bareClient({ port: sentinel?.port ?? 0 }).ping()).rejects.toThrow('NOAUTH')
    await expect(bareClient({ port: master?.port ?? 0 }).ping()).rejects.toThrow('NOAUTH')
  })

  it('makes a replica the master when told to, and the old master its replica', async () => {
    const before = await group.currentMaster()
    const after = await group.failover()
    expect(after).not.toBe(before)
    await expect(before.cli('SET', 'a', '2')).rejects.toThrow('READONLY')
    expect(await after.cli('SET', 'a', '2')).toBe('OK')
    await eventually(async () => (await redis.get('a')) === '2')
  })

  it('makes a replica the master when the master dies, and takes the dead one back', async () => {
    const before = await group.currentMaster()
    const after = await group.killMaster()
    expect(after).not.toBe(before)
    expect(await after.cli('GET', 'a')).toBe('2')
    await before.restart({ keepData: true })
    await group.settled()
    expect(await before.cli('GET', 'a')).toBe('2')
  })
})

describe('a Cluster', () => {
  let cluster: ClusterServers
  let redis: Cluster

  beforeAll(async () => {
    cluster = await startCluster({ requirepass: 'secret' })
    redis = new Cluster(
      cluster.nodes.map(({ host, port }) => ({ host, port })),
      {
        redisOptions: { password: 'secret' },
      },
    )
    redis.on('error', () => undefined)
  })

  afterAll(async () => {
    redis.disconnect()
    await cluster.stop()
  })

  // The slots of a and b.
  const [slotOfA, slotOfB] = [15_495, 3_300]

  it('has three masters with a replica each, and serves every slot', async () => {
    const masters = await cluster.masters()
    expect(masters).toEqual(cluster.nodes.slice(0, 3))
    for (const [i, master] of masters.entries()) {
      expect(await cluster.replicasOf(master)).toEqual([cluster.nodes[3 + i]])
    }
    expect(await cluster.nodeOfSlot(0)).toBe(masters[0])
    expect(await cluster.nodeOfSlot(16_383)).toBe(masters[2])
  })

  it('leads commands to the master of their key', async () => {
    await redis.set('a', '1')
    expect(await cluster.cli('GET', 'a')).toBe('1')
    const owner = await cluster.nodeOfSlot(slotOfA)
    expect(await owner.cli('GET', 'a')).toBe('1')
    expect(await cluster.cli('CLUSTER', 'KEYSLOT', 'a')).toBe(slotOfA)
  })

  it('moves a slot with its keys under the eyes of its clients', async () => {
    const keys = Array.from({ length: 250 }, (_, i) => `{b}${i}`)
    await Promise.all(keys.map((key) => redis.set(key, key)))
    const from = await cluster.nodeOfSlot(slotOfB)
    const to = await cluster.nodeOfSlot(slotOfA)
    expect(to).not.toBe(from)

    const migration = await cluster.openMigration(slotOfB, to)
    expect(await migration.move(120)).toBe(120)
    expect(await from.cli('CLUSTER', 'COUNTKEYSINSLOT', slotOfB)).toBe(130)
    expect(await Promise.all(keys.map((key) => redis.get(key)))).toEqual(keys)
    await migration.finish()

    expect(await cluster.nodeOfSlot(slotOfB)).toBe(to)
    expect(await from.cli('CLUSTER', 'COUNTKEYSINSLOT', slotOfB)).toBe(0)
    expect(await to.cli('CLUSTER', 'COUNTKEYSINSLOT', slotOfB)).toBe(250)
    expect(await Promise.all(keys.map((key) => redis.get(key)))).toEqual(keys)

    await cluster.migrateSlot(slotOfB, from)
    expect(await from.cli('CLUSTER', 'COUNTKEYSINSLOT', slotOfB)).toBe(250)
  })

  it('serves the slots of a killed master by its replica, and takes the dead one back as replica', async () => {
    const owner = await cluster.nodeOfSlot(slotOfA)
    const [replica] = await cluster.replicasOf(owner)
    await redis.set('a', '2')
    await eventually(
      async () => (await replica?.cli<number>('DBSIZE')) === (await owner.cli('DBSIZE')),
    )
    const killed = await cluster.killMaster((await cluster.masters()).indexOf(owner))
    expect(killed).toBe(owner)
    await cluster.settled()
    expect(await cluster.nodeOfSlot(slotOfA)).toBe(replica)
    expect(await redis.get('a')).toBe('2')
    await owner.restart({ keepData: true })
    await cluster.settled()
    expect(await cluster.replicasOf(replica as typeof owner)).toEqual([owner])
  })
})

describe('with TLS', () => {
  it('a Sentinel group fails over', async () => {
    const group = await startSentinel({ tls: true })
    const before = await group.currentMaster()
    const { port } = await group.failover()
    expect(port).not.toBe(before.port)
    const { ca } = await certificates()
    expect(await bareClient({ port, tls: { ca: ca.cert } }).set('a', '1')).toBe('OK')
    await expect(bareClient({ port }).ping()).rejects.toThrow()
    await group.stop()
  })

  it('a Cluster moves a slot', async () => {
    const cluster = await startCluster({ tls: true, requirepass: 'secret' })
    const [from, to] = (await cluster.masters()) as [RedisServer, RedisServer]
    expect(await cluster.cli('SET', 'b', '1')).toBe('OK')
    expect(await cluster.nodeOfSlot(3_300)).toBe(from)
    await cluster.migrateSlot(3_300, to)
    const { ca } = await certificates()
    const options = { port: to.port, password: 'secret', tls: { ca: ca.cert } }
    expect(await bareClient(options).get('b')).toBe('1')
    await cluster.stop()
  })
})

describe('the ACL user of the tests', () => {
  it('may touch only what the rule says', async () => {
    const topology = TOPOLOGIES.find(({ name }) => name === 'tls+acl') as Topology
    const { options, stop } = await topology.start()
    const redis = bareClient({ ...options, disableClientInfo: true } as RedisOptions)
    expect(await redis.set(`${TEST_PREFIX}a`, '1')).toBe('OK')
    await expect(redis.set('other:a', '1')).rejects.toThrow('NOPERM')
    await expect(redis.keys('*')).rejects.toThrow('NOPERM')
    await expect(redis.publish('other', '1')).rejects.toThrow('NOPERM')
    await stop()
  })
})

describe.each(TOPOLOGIES)('the topology $name', ({ start }) => {
  it('serves a database, and shows what it wrote', { timeout: 30_000 }, async () => {
    const { options, cli, keys, stop } = await start()
    const database = new RedisOAuthDatabase({ ...options, keyPrefix: `${TEST_PREFIX}here:` })
    for (const key of ['a', 'b', 'c']) await database.storeToken(key, `token ${key}`)
    expect(await cli('GET', `${TEST_PREFIX}here:b`)).toBe('token b')
    expect(await keys(`${TEST_PREFIX}*`)).toEqual(
      ['a', 'b', 'c'].map((key) => `${TEST_PREFIX}here:${key}`),
    )
    expect((await database.listTokens()).sort()).toEqual(['a', 'b', 'c'])
    await database.close()
    await stop()
  })
})
