import { Cluster, Redis } from 'ioredis'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import type { BorrowedClient } from '../../../src/redis/borrowed-client.js'
import type { Subscriber } from '../../../src/redis/changes/subscriber.js'
import { borrow, connect } from '../../../src/redis/connect.js'
import { eventually } from '../../support/eventually.js'
import { startServer } from '../../support/scene.js'
import { startCluster } from '../../support/servers/cluster.js'
import type { RedisServer } from '../../support/servers/redis-server.js'

const LIMITS = {
  connectionTimeout: 10_000,
  commandTimeout: 2_000,
  retryDelayOnFailover: 1,
  maxRetriesPerRequest: 3,
}
const CHANNELS = Array.from({ length: 20 }, (_, i) => `channel ${i}`)

let server: RedisServer

beforeEach(async () => {
  server = await startServer()
})

function ofOurs(): Subscriber {
  const { host, port } = server
  return connect({ kind: 'server', db: 0, host, port }, LIMITS).subscriber
}

/** Of a caller who has commands wait as long as it takes. */
function ofBorrowed(): Subscriber {
  const options = { lazyConnect: true, maxRetriesPerRequest: null, retryStrategy: () => 1 }
  const client = new Redis(server.port, server.host, options)
  onTestFinished(() => client.disconnect())
  return borrow(client as unknown as BorrowedClient, LIMITS).subscriber
}

/** Has Redis accept connections and close them at once, but for the one of these tests. */
async function fill(): Promise<void> {
  await server.cli('CONFIG', 'SET', 'maxclients', 1)
  await server.cli('CLIENT', 'KILL', 'SKIPME', 'yes', 'TYPE', 'pubsub')
}

async function refusals(): Promise<number> {
  const stats = await server.cli<string>('INFO', 'stats')
  return Number(/rejected_connections:(\d+)/.exec(stats)?.[1])
}

async function subscriptions(): Promise<number> {
  const stats = await server.cli<string>('INFO', 'commandstats')
  return Number(/cmdstat_subscribe:calls=(\d+)/.exec(stats)?.[1] ?? 0)
}

describe.each([
  ['of ours', ofOurs],
  ["of a caller's client", ofBorrowed],
])('while Redis has room for no further connection, a subscriber %s', (_, open) => {
  it('fails who subscribes, keeps nothing of it, and restores what was subscribed before', async () => {
    const subscriber = open()
    onTestFinished(() => subscriber.close())
    const heard: string[] = []
    await subscriber.subscribe('kept', (message) => heard.push(message))
    await fill()
    const sent = await subscriptions()
    const attempts = CHANNELS.map((channel) => subscriber.subscribe(channel, () => {}))
    const results = await Promise.allSettled(attempts)
    expect(results.filter(({ status }) => status === 'fulfilled')).toEqual([])
    const before = await refusals()
    await eventually(async () => (await refusals()) >= before + 3)

    await server.cli('CONFIG', 'SET', 'maxclients', 100)
    await eventually(async () => (await server.cli('PUBLISH', 'kept', 'news')) === 1)
    await eventually(() => heard.length > 0)
    expect(await server.cli('PUBSUB', 'CHANNELS')).toEqual(['kept'])
    expect(await subscriptions()).toBe(sent + 1)
    await eventually(() => subscriber.subscribe('later', () => {}))
  })
})

it('a subscriber is there again after no Sentinel could be asked', async () => {
  const monitor = `sentinel monitor mymaster ${server.host} ${server.port} 1`
  const sentinel = await startServer({ sentinel: [monitor] })
  const { host, port } = sentinel
  const sentinels = { kind: 'sentinel', name: 'mymaster', db: 0, nodes: [{ host, port }] } as const
  const { subscriber } = connect({ ...sentinels, sentinel: {} }, LIMITS)
  onTestFinished(() => subscriber.close())
  const heard: string[] = []
  await subscriber.subscribe('kept', (message) => heard.push(message))
  await sentinel.kill()
  await server.cli('CLIENT', 'KILL', 'TYPE', 'pubsub')
  await eventually(() =>
    subscriber
      .subscribe('other', () => {})
      .then(
        () => false,
        () => true,
      ),
  )
  await sentinel.start('loaded')
  await eventually(() => subscriber.subscribe('later', () => {}))
  await eventually(async () => (await server.cli('PUBLISH', 'kept', 'news')) === 1)
  await eventually(() => heard.length > 0)
})

it("a subscriber of a caller's Cluster fails who subscribes while no node has room, and subscribes when one has", async () => {
  const cluster = await startCluster()
  onTestFinished(() => cluster.stop())
  const nodes = cluster.nodes.map(({ host, port }) => ({ host, port }))
  const client = new Cluster(nodes, { lazyConnect: true, clusterRetryStrategy: () => 1 })
  const { subscriber } = borrow(client as unknown as BorrowedClient, LIMITS)
  onTestFinished(() => subscriber.close())
  const limit = (clients: number) =>
    Promise.all(cluster.nodes.map((node) => node.cli('CONFIG', 'SET', 'maxclients', clients)))
  // Each node with the connection of this test alone.
  await limit(1)
  const attempts = CHANNELS.map((channel) => subscriber.subscribe(channel, () => {}))
  const results = await Promise.allSettled(attempts)
  expect(results.filter(({ status }) => status === 'fulfilled')).toEqual([])
  await limit(100)
  await eventually(() => subscriber.subscribe('later', () => {}))
})
