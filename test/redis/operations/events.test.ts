import { expect, it, onTestFinished } from 'vitest'
import { slotOf } from '../../../src/redis/protocol/slot.js'
import { eventually } from '../../support/eventually.js'
import { comesToMemory, URL, USER } from '../../support/near-cache/near-cache-facts.js'
import { token } from '../../support/near-cache/near-cache-scene.js'
import { listenTo } from '../../support/operations/listening.js'
import { openDatabase, startProxy, startServer } from '../../support/scene.js'
import { bareClient } from '../../support/servers/bare-client.js'
import { startCluster } from '../../support/servers/cluster.js'
import type { RedisServer } from '../../support/servers/redis-server.js'

it('a connection tells of its beginning, its end, failed attempts and the next one', async () => {
  const proxy = await startProxy(await startServer())
  const heard = listenTo('connection')
  const { host, port } = proxy
  const db = openDatabase({ host, port, commandTimeout: 300, maxRetriesPerRequest: 0 })
  await db.ping()
  expect(heard).toEqual([{ event: 'connected' }])
  proxy.refuse()
  proxy.cut()
  await eventually(() => heard.length >= 3)
  expect(heard.slice(1, 3)).toEqual([
    { event: 'lost' },
    { event: 'failed', code: 'CONNECTION_REFUSED' },
  ])
  await proxy.accept()
  await eventually(() => db.ping())
  expect(heard.at(-1)).toEqual({ event: 'reconnected' })
  await db.close()
  expect(heard.at(-1)).toEqual({ event: 'reconnected' })
})

it('a command without an answer is told', async () => {
  const proxy = await startProxy(await startServer())
  const heard = listenTo('connection')
  const db = openDatabase({ host: proxy.host, port: proxy.port, commandTimeout: 100 })
  await db.ping()
  proxy.stall()
  await expect(db.ping()).rejects.toMatchObject({ code: 'TIMEOUT' })
  expect(heard).toContainEqual({ event: 'timedOut' })
})

it('a borrowed client tells the same, until the database is closed', async () => {
  const proxy = await startProxy(await startServer())
  const client = bareClient({ host: proxy.host, port: proxy.port, retryStrategy: () => 10 })
  client.on('error', () => undefined)
  const listeners = (): number[] => ['close', 'ready'].map((name) => client.listenerCount(name))
  const before = listeners()
  const heard = listenTo('connection')
  const db = openDatabase({ client })
  await db.ping()
  proxy.refuse()
  proxy.cut()
  await eventually(() => heard.length >= 4)
  expect(heard.slice(0, 4)).toEqual([
    { event: 'connected' },
    { event: 'lost' },
    { event: 'failed' },
    { event: 'failed' },
  ])
  await proxy.accept()
  await eventually(() => db.ping())
  expect(heard.at(-1)).toEqual({ event: 'reconnected' })
  await db.close()
  expect(listeners()).toEqual(before)
})

it('a Cluster tells of nodes that cannot be reached and of slots that have moved', async () => {
  const cluster = await startCluster()
  onTestFinished(() => cluster.stop())
  const heard = listenTo('connection')
  const nodes = cluster.nodes.map(({ host, port }) => ({ host, port }))
  const db = openDatabase({ cluster: { nodes } })
  await db.storeToken('a', 'token')
  expect(heard).toEqual([{ event: 'connected' }])
  const slot = slotOf('atxp:oauth:a')
  const owner = await cluster.nodeOfSlot(slot)
  const [other] = (await cluster.masters()).filter((master) => master !== owner)
  await cluster.migrateSlot(slot, other as RedisServer)
  expect(await db.getToken('a')).toBe('token')
  expect(heard).toContainEqual({ event: 'redirected' })
  await db.close()
  expect(heard.filter((event) => (event as { event: string }).event === 'lost')).toEqual([])
})

it('a cache tells of hits, misses and changes, and a read from memory is no operation', async () => {
  const server = await startServer()
  const [db, peer] = [
    openDatabase({ url: server.url, cache: true }),
    openDatabase({ url: server.url }),
  ]
  await peer.saveAccessToken(USER, URL, token)
  const [heard, operations] = [listenTo('cache'), listenTo<{ method: string }>('operation')]
  await db.getAccessToken(USER, URL)
  expect(heard[0]).toEqual({ event: 'miss' })
  await comesToMemory(() => db.getAccessToken(USER, URL), server)
  expect(heard).toContainEqual({ event: 'armed' })
  expect(heard.at(-1)).toEqual({ event: 'hit' })
  const counted = operations.length
  expect(operations.every(({ method }) => method === 'getAccessToken')).toBe(true)
  await db.getAccessToken(USER, URL)
  expect(operations).toHaveLength(counted)
  await peer.saveAccessToken(USER, URL, { ...token, accessToken: 'two' })
  await eventually(() => expect(heard).toContainEqual({ event: 'invalidated', count: 1 }))
  await db.close()
  expect(heard.at(-1)).toEqual({ event: 'disarmed' })
})
