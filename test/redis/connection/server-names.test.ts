import { describe, expect, it, onTestFinished } from 'vitest'
import type { RedisOAuthDatabase, RedisOAuthDatabaseOptions } from '../../../src/index.js'
import { expectFailure } from '../../support/connection/failure-facts.js'
import { eventually } from '../../support/eventually.js'
import { startTlsFront, type TlsFront } from '../../support/network/tls-front.js'
import { openDatabase, startServer } from '../../support/scene.js'
import { certificates } from '../../support/servers/certificates.js'
import { SLOT_COUNT } from '../../support/servers/cluster.js'
import type { RedisServer } from '../../support/servers/redis-server.js'

// Hosted services route by the name that a client asks for (SNI), so each connection has to name the host that it goes to.

async function startFront(target: { port: number }): Promise<TlsFront> {
  const front = await startTlsFront(target)
  onTestFinished(() => front.stop())
  return front
}

async function open(options: RedisOAuthDatabaseOptions): Promise<RedisOAuthDatabase> {
  const { ca } = await certificates()
  return openDatabase({ ...options, tls: { ca: ca.cert, ...options.tls } })
}

/** The names that the front was asked for, each once. */
const namesOf = (...fronts: TlsFront[]) => [...new Set(fronts.flatMap(({ names }) => names))]

/** Has the database make all its kinds of connections. */
async function useAll(db: RedisOAuthDatabase): Promise<void> {
  await db.storeToken('a', 'one')
  expect(await db.getToken('a')).toBe('one')
  const flight = { recheck: async () => undefined }
  const work = () => new Promise((resolve) => setImmediate(resolve, 'done'))
  await Promise.all([db.singleFlight('a', work, flight), db.singleFlight('b', work, flight)])
}

interface SentinelByName {
  master: TlsFront
  sentinel: TlsFront
  /** The Sentinel without TLS. */
  plain: RedisServer
}

/** A master that is known by the name localhost, behind TLS, and a Sentinel behind TLS. */
async function startSentinelByName(): Promise<SentinelByName> {
  const master = await startFront(await startServer())
  const plain = await startServer({
    sentinel: [
      'sentinel resolve-hostnames yes',
      'sentinel announce-hostnames yes',
      `sentinel monitor mymaster localhost ${master.port} 1`,
      // It cannot speak to the master, since it speaks no TLS here; nothing asks it to.
      'sentinel down-after-milliseconds mymaster 600000',
    ],
  })
  return { master, sentinel: await startFront(plain), plain }
}

/** A Cluster of one, which calls itself by an address and is reached by a name. */
async function startClusterByName(): Promise<{
  front: TlsFront
  options: RedisOAuthDatabaseOptions
}> {
  const server = await startServer({
    config: { 'cluster-enabled': 'yes', 'cluster-announce-ip': '127.0.0.1' },
  })
  const slots = Array.from({ length: SLOT_COUNT }, (_, slot) => slot)
  await server.cli('CLUSTER', 'ADDSLOTS', ...slots)
  await eventually(async () => (await server.cli<string>('CLUSTER', 'INFO')).includes('state:ok'))
  const front = await startFront(server)
  const node = { host: 'localhost', port: front.port }
  const natMap = { [`${server.host}:${server.port}`]: node }
  return { front, options: { cluster: { nodes: [node], natMap } } }
}

describe('a connection asks for the name of its host', () => {
  it('at one server', async () => {
    const front = await startFront(await startServer())
    const db = await open({ url: `rediss://localhost:${front.port}`, cache: true })
    await useAll(db)
    expect(namesOf(front)).toEqual(['localhost'])
  })

  it('at each node of a Cluster', async () => {
    const { front, options } = await startClusterByName()
    await useAll(await open({ ...options, cache: true }))
    await eventually(() => front.names.length > 2)
    expect(namesOf(front)).toEqual(['localhost'])
  })

  it('at the Sentinels and at their master', async () => {
    const { master, sentinel } = await startSentinelByName()
    const db = await open({
      url: `rediss-sentinel://localhost:${sentinel.port}?name=mymaster`,
      cache: true,
    })
    await useAll(db)
    expect(namesOf(sentinel)).toEqual(['localhost'])
    expect(namesOf(master)).toEqual(['localhost'])
  })
})

describe('a connection asks for no name', () => {
  it('where the host is an address', async () => {
    const front = await startFront(await startServer())
    await useAll(await open({ url: `rediss://127.0.0.1:${front.port}` }))
    expect(namesOf(front)).toEqual([false])
  })

  it('where a node of a Cluster is at an address', async () => {
    const { front, options } = await startClusterByName()
    const node = { host: '127.0.0.1', port: front.port }
    const [name = ''] = Object.keys(options.cluster?.natMap ?? {})
    await useAll(await open({ cluster: { nodes: [node], natMap: { [name]: node } } }))
    expect(namesOf(front)).toEqual([false])
  })
})

it('a servername of the options stands, for every node', async () => {
  const { front, options } = await startClusterByName()
  const db = await open({ ...options, tls: { servername: 'elsewhere.example' } })
  await expectFailure(db.ping(), 'TLS_FAILED', `localhost:${front.port}`)
  expect(namesOf(front)).toEqual(['elsewhere.example'])
})

describe('Sentinels beside a Redis with TLS', () => {
  it('are asked with TLS: who speaks none is not believed', async () => {
    const { master, plain } = await startSentinelByName()
    const url = `rediss-sentinel://localhost:${plain.port}?name=mymaster`
    const db = await open({ url, connectionTimeout: 300, maxRetriesPerRequest: 0 })
    await expect(db.ping()).rejects.toMatchObject({ name: 'RedisOAuthDatabaseError' })
    expect(master.names).toEqual([])
  })

  it('are asked without TLS where sentinel.tls is false', async () => {
    const { master, plain } = await startSentinelByName()
    const url = `rediss-sentinel://localhost:${plain.port}?name=mymaster`
    await useAll(await open({ url, sentinel: { tls: false } }))
    expect(namesOf(master)).toEqual(['localhost'])
  })
})
