import { createServer, type Socket } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { eventually } from '../../support/eventually.js'
import { openDatabase, startServer } from '../../support/scene.js'
import { aclRule } from '../../support/servers/acl-rule.js'
import { startCluster } from '../../support/servers/cluster.js'
import { freePort } from '../../support/servers/free-port.js'
import { type RedisServer, redisMajor } from '../../support/servers/redis-server.js'
import { TEST_PREFIX, TOPOLOGIES } from '../../support/servers/topologies.js'

const WRITE = { write: true }

it.each(TOPOLOGIES)(
  'resolves on $name, with and without writing, and leaves nothing',
  async (topology) => {
    const redis = await topology.start()
    onTestFinished(() => redis.stop())
    const db = openDatabase({ ...redis.options, keyPrefix: TEST_PREFIX })
    await db.ready()
    await db.ready(WRITE)
    expect(await redis.keys('*')).toEqual([])
  },
)

describe('with write, it finds', () => {
  const open = ({ host, port }: RedisServer) => openDatabase({ host, port })

  it('a replica, which reads as ever', async () => {
    const [master, replica] = [await startServer(), await startServer()]
    await replica.cli('REPLICAOF', master.host, String(master.port))
    await replica.cli('CONFIG', 'SET', 'replica-serve-stale-data', 'yes')
    const db = open(replica)
    await db.ready()
    await expect(db.ready(WRITE)).rejects.toMatchObject({
      code: 'READ_ONLY',
      operation: 'ready',
      server: `${replica.host}:${replica.port}`,
    })
  })

  it('a full memory', async () => {
    const server = await startServer({ config: { 'maxmemory-policy': 'noeviction' } })
    const db = open(server)
    await db.ready(WRITE)
    await server.cli('CONFIG', 'SET', 'maxmemory', '1')
    await expect(db.ready(WRITE)).rejects.toMatchObject({ code: 'OUT_OF_MEMORY' })
    await db.ready()
  })

  it.each([
    ...['set', 'get', 'mget', 'del', 'exists', 'hset', 'hget', 'hgetall', 'hdel', 'hlen'],
    ...['hrandfield', 'pexpireat', 'pttl', 'time', 'eval', 'publish'],
  ])('that the user lacks %s', async (command) => {
    const rule = `${aclRule('atxp:oauth:', redisMajor())} -${command}`
    const server = await startServer({ users: [{ name: 'app', password: 'secret', rule }] })
    const { host, port } = server
    const db = openDatabase({ host, port, username: 'app', password: 'secret' })
    await expect(db.ready(WRITE)).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      message: expect.stringContaining(`'${command}'`),
    })
  })
})

describe('rejects within commandTimeout', () => {
  it('of a server that hangs, before the first connection and after it', async () => {
    const sockets = new Set<Socket>()
    const port = await freePort()
    const silent = createServer((socket) => sockets.add(socket)).listen(port, '127.0.0.1')
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy()
      silent.close()
    })
    const limits = { commandTimeout: 100, connectionTimeout: 60_000 }
    const unconnected = openDatabase({ host: '127.0.0.1', port, ...limits })
    await expect(unconnected.ready()).rejects.toMatchObject({ code: 'CONNECTION_TIMEOUT' })
    const server = await startServer()
    const db = openDatabase({ host: server.host, port: server.port, ...limits })
    await db.ready()
    server.pause()
    for (const options of [{}, WRITE]) {
      await expect(db.ready(options)).rejects.toMatchObject({
        code: expect.stringMatching(/^(TIMEOUT|CONNECTION_TIMEOUT)$/),
      })
    }
    server.resume()
  })

  it('of a server that is not there, whatever the retries would take', async () => {
    const db = openDatabase({
      host: '127.0.0.1',
      port: await freePort(),
      commandTimeout: 100,
      retryDelayOnFailover: 60_000,
    })
    await expect(db.ready(WRITE)).rejects.toMatchObject({ code: 'CONNECTION_REFUSED' })
  })
})

describe('of a Cluster', () => {
  it('resolves again after a failover, though no other call finds the new master', async () => {
    const cluster = await startCluster()
    onTestFinished(() => cluster.stop())
    const nodes = cluster.nodes.map(({ host, port }) => ({ host, port }))
    const db = openDatabase({ cluster: { nodes } })
    await db.ready(WRITE)
    const [master] = await cluster.masters()
    const [replica] = await cluster.replicasOf(master as RedisServer)
    await replica?.cli('CLUSTER', 'FAILOVER')
    await eventually(async () => !(await cluster.masters()).includes(master as RedisServer))
    await cluster.settled()
    await db.ready(WRITE)
    expect((await db.health()).warnings.filter(({ code }) => code === 'READ_ONLY')).toEqual([])
  })

  it('says which right it lacks to see its masters', async () => {
    const login = { username: 'app', password: 'secret' }
    const lacking = redisMajor() < 7 ? '-cluster +cluster|slots' : '-cluster|nodes'
    const rule = `~* &* +@all ${lacking}`
    const cluster = await startCluster({ users: [{ name: 'app', password: 'secret', rule }] })
    onTestFinished(() => cluster.stop())
    const nodes = cluster.nodes.map(({ host, port }) => ({ host, port }))
    const db = openDatabase({ cluster: { nodes }, ...login })
    for (const call of [() => db.ready(), () => db.listTokens()]) {
      await expect(call()).rejects.toMatchObject({
        code: 'PERMISSION_DENIED',
        message: expect.stringContaining('cluster'),
      })
    }
  })

  it('rejects while a master is gone, also when ioredis has forgotten it', async () => {
    const cluster = await startCluster({ config: { 'cluster-node-timeout': '60000' } })
    onTestFinished(() => cluster.stop())
    const nodes = cluster.nodes.map(({ host, port }) => ({ host, port }))
    const db = openDatabase({ cluster: { nodes }, commandTimeout: 500 })
    await db.ready(WRITE)
    const [master] = await cluster.masters()
    await master?.kill()
    for (const call of [() => db.ready(WRITE), () => db.ready(), () => db.health()]) {
      await expect(call()).rejects.toMatchObject({ code: 'CLUSTER_DOWN' })
    }
  })
})

it.each([null, 'write', { write: 1 }, { wirte: true }])('refuses %j', async (options) => {
  const db = openDatabase({ host: '127.0.0.1', port: await freePort() })
  await expect(db.ready(options as never)).rejects.toThrow(TypeError)
})
