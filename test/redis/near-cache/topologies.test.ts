import { Cluster, Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import type { RedisOAuthDatabase, RedisOAuthDatabaseOptions } from '../../../src/index.js'
import { eventually } from '../../support/eventually.js'
import {
  comesTo,
  comesToMemory,
  isFromMemory,
  URL,
  USER,
} from '../../support/near-cache/near-cache-facts.js'
import { comesToRest, restEnder } from '../../support/near-cache/rests.js'
import { openDatabase, startServer } from '../../support/scene.js'
import { aclRule } from '../../support/servers/acl-rule.js'
import { certificates } from '../../support/servers/certificates.js'
import { type ClusterServers, startCluster } from '../../support/servers/cluster.js'
import { type RedisServer, redisMajor } from '../../support/servers/redis-server.js'
import { type SentinelGroup, startSentinel } from '../../support/servers/sentinel.js'

const KEYS = Array.from({ length: 40 }, (_, i) => `key_${i}`)

describe('in a Cluster', () => {
  let servers: ClusterServers
  let db: RedisOAuthDatabase
  let peer: RedisOAuthDatabase

  beforeAll(async () => {
    servers = await startCluster()
  })

  afterAll(() => servers.stop())

  beforeEach(async () => {
    await servers.settled()
    db = open({ cache: true })
    peer = open()
    await Promise.all(KEYS.map((key) => peer.storeToken(key, 'one')))
  })

  function open(options: RedisOAuthDatabaseOptions = {}): RedisOAuthDatabase {
    const nodes = servers.nodes.map(({ host, port }) => ({ host, port }))
    return openDatabase({ cluster: { nodes }, commandTimeout: 5_000, ...options })
  }

  const running = () => servers.nodes.filter((node) => node.running)
  const readAll = (of = db) => Promise.all(KEYS.map((key) => of.getToken(key)))
  const isRemembered = (of = db) => comesToMemory(() => readAll(of), ...running())
  const isKept = () => isFromMemory(() => readAll(), ...running())

  it('changes at every master are heard of', async () => {
    await isRemembered()
    await Promise.all(KEYS.map((key) => peer.storeToken(key, 'two')))
    for (const key of KEYS) await comesTo(() => db.getToken(key), 'two', 'one')
    await isRemembered()
  })

  it('nothing is kept while one master is not heard', async () => {
    await isRemembered()
    const [master] = await servers.masters()
    await master?.cli('ACL', 'SETUSER', 'default', '-client')
    onTestFinished(() => master?.cli('ACL', 'SETUSER', 'default', '+@all').then(() => undefined))
    await master?.cli('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await eventually(async () => expect(await isKept()).toBe(false))
    await Promise.all(KEYS.map((key) => peer.storeToken(key, 'two')))
    expect(new Set(await readAll())).toEqual(new Set(['two']))
    expect(await isKept()).toBe(false)
    await master?.cli('ACL', 'SETUSER', 'default', '+@all')
    await isRemembered()
  })

  it('a slot that moves takes nothing stale along', async () => {
    await isRemembered()
    const [key = ''] = KEYS
    const slot = Number(await servers.cli('CLUSTER', 'KEYSLOT', `atxp:oauth:${key}`))
    const owner = await servers.nodeOfSlot(slot)
    const to = (await servers.masters()).find((node) => node !== owner) as RedisServer
    const migration = await servers.openMigration(slot, to)
    for (const value of ['two', 'three']) {
      await peer.storeToken(key, value)
      await comesTo(() => db.getToken(key), value, value === 'two' ? 'one' : 'two')
      if (value === 'two') await migration.finish()
    }
    await isRemembered()
    await peer.storeToken(key, 'four')
    await comesTo(() => db.getToken(key), 'four', 'three')
  })

  it('a failover that a replica asks for leaves nothing stale', async () => {
    await isRemembered()
    const [master] = await servers.masters()
    const [replica] = await servers.replicasOf(master as RedisServer)
    await replica?.cli('CLUSTER', 'FAILOVER')
    await eventually(async () => expect(await servers.masters()).toContain(replica))
    await servers.settled()
    for (const value of ['two', 'three', 'four']) {
      await Promise.all(KEYS.map((key) => peer.storeToken(key, value)))
      await eventually(async () => expect(new Set(await readAll())).toEqual(new Set([value])))
    }
    await isRemembered()
    await Promise.all(KEYS.map((key) => peer.storeToken(key, 'five')))
    await eventually(async () => expect(new Set(await readAll())).toEqual(new Set(['five'])))
  })

  it('a master that dies leaves nothing stale', async () => {
    await isRemembered()
    const killed = await servers.killMaster(0)
    onTestFinished(() => killed.restart({ keepData: false }).then(() => servers.settled()))
    await servers.settled()
    await eventually(() => Promise.all(KEYS.map((key) => peer.storeToken(key, 'two'))))
    await eventually(async () => expect(new Set(await readAll())).toEqual(new Set(['two'])))
    await eventually(isKept, { withinMs: 10_000 })
    await Promise.all(KEYS.map((key) => peer.storeToken(key, 'three')))
    await eventually(async () => expect(new Set(await readAll())).toEqual(new Set(['three'])))
  })

  it('a cache that rests hears of no master, and of all when it returns', async () => {
    const endRest = restEnder()
    await isRemembered()
    const change = (round: number) =>
      Promise.all(KEYS.map((key) => peer.storeToken(key, `value ${round}`)))
    await comesToRest(db, change, () => readAll())
    await eventually(async () => {
      const feeds = await Promise.all(
        running().map((node) => node.cli('CLIENT', 'LIST', 'TYPE', 'pubsub')),
      )
      expect(feeds.join('')).toBe('')
    })
    await Promise.all(KEYS.map((key) => peer.storeToken(key, 'two')))
    expect(new Set(await readAll())).toEqual(new Set(['two']))
    endRest()
    await isRemembered()
    await Promise.all(KEYS.map((key) => peer.storeToken(key, 'three')))
    for (const key of KEYS) await comesTo(() => db.getToken(key), 'three', 'two')
  })

  it("a caller's client serves as well, and stays open", async () => {
    const client = new Cluster(servers.nodes.map(({ host, port }) => ({ host, port })))
    onTestFinished(() => client.disconnect())
    await client.ping()
    const listeners = () =>
      ['ready', 'refresh', '+node', '-node'].map((e) => client.listenerCount(e))
    const before = listeners()
    const borrowing = openDatabase({ client, cache: true })
    await isRemembered(borrowing)
    const read = () => borrowing.getToken('key_0')
    await peer.storeToken('key_0', 'two')
    await comesTo(read, 'two', 'one')
    await borrowing.close()
    expect(listeners()).toEqual(before)
    expect(await client.get('atxp:oauth:key_0')).toBe('two')
  })
})

describe('with Sentinel', () => {
  let group: SentinelGroup
  let db: RedisOAuthDatabase

  beforeAll(async () => {
    group = await startSentinel({ password: 'secret' })
  })

  afterAll(() => group.stop())

  it('what the old master was known to hold is read anew after a failover', async () => {
    const options = {
      sentinel: { name: group.masterName, nodes: group.addresses },
      password: 'secret',
      commandTimeout: 15_000,
      maxRetriesPerRequest: 1_000,
    }
    db = openDatabase({ ...options, cache: true })
    const peer = openDatabase(options)
    const read = () => db.getToken('a')
    await peer.storeToken('a', 'one')
    await comesToMemory(read, await group.currentMaster())
    const before = await group.currentMaster()
    await before.kill()
    await eventually(async () => expect(await group.currentMaster()).not.toBe(before), {
      withinMs: 20_000,
    })
    await peer.storeToken('a', 'two')
    await comesTo(read, 'two', 'one')
    await comesToMemory(read, await group.currentMaster())
    await peer.storeToken('a', 'three')
    await comesTo(read, 'three', 'two')
  }, 60_000)
})

describe('on one server', () => {
  it('it works through TLS, for a user of the least privilege', async () => {
    const rule = `${aclRule('atxp:oauth:', redisMajor())} &__redis__:invalidate +client|id +client|tracking`
    const server = await startServer({
      tls: true,
      users: [{ name: 'atxp', password: 'secret', rule }],
      requirepass: 'nobody',
    })
    const { ca } = await certificates()
    const access = { username: 'atxp', password: 'secret', tls: { ca: ca.cert } }
    const { host, port } = server
    const db = openDatabase({ host, port, ...access, cache: true })
    const peer = openDatabase({ host, port, ...access })
    for (const read of [() => db.getToken('a'), () => db.getAccessToken(USER, URL)]) {
      await comesToMemory(read, server)
    }
    await peer.storeToken('a', 'one')
    await comesTo(() => db.getToken('a'), 'one', null)
  })

  it('it works through a Unix socket, in another database than 0', async () => {
    const server = await startServer({ unixsocket: true })
    const db = openDatabase({ path: server.path, db: 3, cache: true })
    const peer = openDatabase({ path: server.path, db: 3 })
    await comesToMemory(() => db.getToken('a'), server)
    await peer.storeToken('a', 'one')
    await comesTo(() => db.getToken('a'), 'one', null)
  })

  it('it uses the credentials of the moment for each connection', async () => {
    const server = await startServer({ requirepass: 'first' })
    let password = 'first'
    const { host, port } = server
    const db = openDatabase({ host, port, credentials: () => ({ password }), cache: true })
    const read = () => db.getToken('a')
    await comesToMemory(read, server)
    password = 'second'
    await server.cli('ACL', 'SETUSER', 'default', 'resetpass', '>second')
    await server.cli('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await eventually(async () => expect(await isFromMemory(read, server)).toBe(false))
    await comesToMemory(read, server)
  })

  it("it works with a caller's client, also one that queues, retries and pipelines by itself", async () => {
    const server = await startServer()
    const client = new Redis({
      host: server.host,
      port: server.port,
      enableAutoPipelining: true,
      stringNumbers: true,
      commandTimeout: 1_000,
      retryStrategy: () => 10,
    })
    onTestFinished(() => client.disconnect())
    await client.ping()
    const listeners = () => ['ready', 'close'].map((event) => client.listenerCount(event))
    const before = listeners()
    const db = openDatabase({ client, cache: true })
    const peer = openDatabase({ host: server.host, port: server.port })
    const read = () => db.getToken('a')
    await comesToMemory(read, server)
    await peer.storeToken('a', 'one', new Date(Date.now() + 60_000))
    await comesTo(read, 'one', null)
    await comesToMemory(read, server)
    await server.cli('CLIENT', 'KILL', 'TYPE', 'normal')
    await server.cli('SET', 'atxp:oauth:a', 'two')
    await comesTo(read, 'two', 'one')
    await comesToMemory(read, server)
    await db.close()
    expect(listeners()).toEqual(before)
    expect(await client.get('atxp:oauth:a')).toBe('two')
  })
})
