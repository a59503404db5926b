import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { RedisOAuthDatabase, type RedisOAuthDatabaseOptions } from '../../../src/index.js'
import { DELETE_INDEXED } from '../../../src/redis/scripts.js'
import { eventually } from '../../support/eventually.js'
import { openDatabase, startProxy } from '../../support/scene.js'
import { type ClusterServers, startCluster } from '../../support/servers/cluster.js'
import { type RedisServer, startRedis } from '../../support/servers/redis-server.js'

const TOKEN = 'token-that-cannot-be-had-again'
const USER = 'base:0xabc'
const URL = 'https://mcp.example/mcp'
const RECORD = `atxp:oauth:~access:{${USER}}:${URL}`

async function replicaOf(master: RedisServer): Promise<RedisServer> {
  const replica = await startRedis()
  await replica.cli('REPLICAOF', master.host, String(master.port))
  await eventually(
    async () => (await master.cli<string>('INFO', 'replication')).includes('state=online'),
    { withinMs: 10_000 },
  )
  return replica
}

describe('durability on a server with one replica', () => {
  let master: RedisServer
  let replica: RedisServer

  beforeAll(async () => {
    master = await startRedis()
    replica = await replicaOf(master)
  })

  afterAll(async () => {
    await master.stop()
    await replica.stop()
  })

  function open(replicas: number, timeoutMs: number): RedisOAuthDatabase {
    return new RedisOAuthDatabase({
      host: master.host,
      port: master.port,
      durability: { replicas, timeoutMs },
    })
  }

  it('resolves a write once the replica has it', async () => {
    const db = open(1, 5_000)
    for (let round = 0; round < 50; round += 1) {
      await db.storeToken('a', `${TOKEN}-${round}`)
      expect(await replica.cli('GET', 'atxp:oauth:a')).toBe(`${TOKEN}-${round}`)
    }
    expect(await db.deleteToken('a')).toBe(true)
    expect(await replica.cli('EXISTS', 'atxp:oauth:a')).toBe(0)
    await db.close()
  })

  it('has writes that are made at once share their rounds', async () => {
    const db = open(1, 5_000)
    await db.storeToken('warm', TOKEN)
    const before = await callsOf(master, 'wait')
    await Promise.all(Array.from({ length: 200 }, (_, index) => db.storeToken(`k${index}`, TOKEN)))
    expect((await callsOf(master, 'wait')) - before).toBeLessThanOrEqual(20)
    expect(
      await replica.cli('EXISTS', ...Array.from({ length: 200 }, (_, i) => `atxp:oauth:k${i}`)),
    ).toBe(200)
    await db.close()
  })

  it('never holds up a read while a write waits for a replica that hangs', async () => {
    const db = open(1, 1_500)
    await db.storeToken('a', TOKEN)
    replica.pause()
    const writing = db.storeToken('a', `${TOKEN}-2`).then(Object, Object)
    let isOver = false
    void writing.then(() => {
      isOver = true
    })
    await eventually(async () => (await db.getToken('a')) === `${TOKEN}-2`, { withinMs: 1_000 })
    for (let round = 0; round < 20; round += 1) await db.getToken('a')
    expect(isOver).toBe(false)
    const error = await writing
    expect(error).toMatchObject({ code: 'NOT_DURABLE' })
    expect(error.message).toContain(`${master.host}:${master.port}`)
    expect(JSON.stringify(error) + error.message).not.toContain(TOKEN)
    replica.resume()
    await eventually(() => db.storeToken('a', TOKEN), { withinMs: 10_000 })
    await db.close()
  })

  it('rejects with NOT_DURABLE when there are fewer replicas than asked for, and the write is there', async () => {
    const db = open(2, 100)
    await expect(db.storeToken('few', TOKEN)).rejects.toMatchObject({ code: 'NOT_DURABLE' })
    expect(await db.getToken('few')).toBe(TOKEN)
    const { warnings } = await db.health()
    expect(warnings.find(({ code }) => code === 'NOT_DURABLE')?.message).toContain(
      'durability asks for 2',
    )
    await db.close()
  })

  it('has lease and mark on the replica before a refresh token is sent, and sends none where it has not', async () => {
    const [user, url, endpoint] = [USER, URL, 'https://as.example/token']
    const refresh = async (db: RedisOAuthDatabase): Promise<string[]> => {
      await db.getAccessToken(user, url)
      let found: string[] = []
      const fetch = db.coordinatedFetch(async () => {
        found = (await replica.cli<string[]>('KEYS', '*{*}')).map((key) => key.split(':')[2] ?? '')
        return Response.json({ access_token: 'renewed', refresh_token: 'renewed' })
      })
      const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: 'refresh' })
      await fetch(endpoint, { method: 'POST', body })
      return found
    }
    const plain = new RedisOAuthDatabase({ host: master.host, port: master.port })
    await plain.saveAccessToken(user, url, {
      accessToken: 'access',
      refreshToken: 'refresh',
      resourceUrl: url,
    })
    const missing = open(2, 50)
    await expect(refresh(missing)).rejects.toMatchObject({ code: 'NOT_DURABLE' })
    const durable = open(1, 5_000)
    expect(await refresh(durable)).toEqual(expect.arrayContaining(['~lease', '~spent']))
    await Promise.all([plain, missing, durable].map((db) => db.close()))
  })

  describe('a save whose record another client has deleted', () => {
    const save = (db: RedisOAuthDatabase): Promise<void> =>
      db.saveAccessToken(USER, URL, { accessToken: TOKEN, resourceUrl: URL })

    async function openWithRecordGone(
      place: Pick<RedisServer, 'host' | 'port'>,
      durability: RedisOAuthDatabaseOptions['durability'] = { replicas: 1, timeoutMs: 5_000 },
    ): Promise<RedisOAuthDatabase> {
      const { host, port } = place
      const db = openDatabase({ host, port, durability })
      await save(db)
      await master.cli('UNLINK', RECORD)
      return db
    }

    it('is confirmed once', async () => {
      const db = await openWithRecordGone(master)
      const before = await callsOf(master, 'wait')
      await save(db)
      expect((await callsOf(master, 'wait')) - before).toBe(1)
      expect(await replica.cli('EXISTS', RECORD)).toBe(1)
    })

    it('resolves where the connection was lost before the write that counts', async () => {
      const proxy = await startProxy(master)
      const db = await openWithRecordGone(proxy)
      const held = proxy.holdRequests(([, script]) => script === DELETE_INDEXED)
      const saving = save(db)
      const reading = db.getToken('after it')
      // The save waits for it, and is made since it fails.
      const deleting = db.deleteAccessToken(USER, URL).then(Object, Object)
      await Promise.all([held, reading])
      proxy.cut()
      proxy.resume()
      expect(await deleting).toMatchObject({ code: 'OUTCOME_UNKNOWN' })
      await saving
      expect(await replica.cli('EXISTS', RECORD)).toBe(1)
    })

    it('is not confirmed before the later save to which it gives way', async () => {
      const proxy = await startProxy(master)
      const db = await openWithRecordGone(proxy, { replicas: 1, timeoutMs: 200 })
      const peer = openDatabase({ host: master.host, port: master.port })
      const held = proxy.holdRequests(([name]) => name?.toLowerCase() === 'hgetall')
      const first = save(db).catch(Object)
      const reading = db.getToken('after it')
      const deleting = db.deleteUser(USER).catch(Object)
      await Promise.all([held, reading])
      await save(peer)
      replica.pause()
      onTestFinished(() => replica.resume())
      const second = save(db).catch(Object)
      proxy.resume()
      for (const call of [second, first]) {
        expect(await call).toMatchObject({ code: 'NOT_DURABLE' })
      }
      expect(await deleting).toMatchObject({ name: 'DeletionError' })
    })
  })

  it('goes on after its connection was killed', async () => {
    const db = open(1, 5_000)
    await db.storeToken('a', TOKEN)
    for (let round = 0; round < 5; round += 1) {
      await master.cli('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
      await eventually(() => db.storeToken('a', TOKEN), { withinMs: 5_000 })
    }
    await db.close()
  })
})

describe('durability on a Cluster', () => {
  let cluster: ClusterServers

  beforeAll(async () => {
    cluster = await startCluster({})
  })

  afterAll(() => cluster.stop())

  it('has the replica of the very master that took the write', async () => {
    const nodes = cluster.nodes.map(({ host, port }) => ({ host, port }))
    const db = new RedisOAuthDatabase({
      cluster: { nodes },
      durability: { replicas: 1, timeoutMs: 5_000 },
    })
    for (let index = 0; index < 60; index += 1) await db.storeToken(`k${index}`, TOKEN)
    const masters = await cluster.masters()
    const copies = await Promise.all(
      masters.map(async (node) => {
        const [replica] = await cluster.replicasOf(node)
        return (await replica?.cli<number>('DBSIZE')) ?? 0
      }),
    )
    // Beside the tokens, the marker of each master.
    expect(copies.reduce((sum, size) => sum + size, 0)).toBeGreaterThanOrEqual(60)
    expect((await db.health()).nodes).toHaveLength(3)
    await db.close()
  })
})

async function callsOf(server: RedisServer, command: string): Promise<number> {
  const stats = await server.cli<string>('INFO', 'commandstats')
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0)
}
