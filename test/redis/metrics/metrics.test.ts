import { randomBytes } from 'node:crypto'
import { metrics } from '@opentelemetry/api'
import { expect, it, onTestFinished } from 'vitest'
import { readWatchLine, type WatchLine } from '../../../src/metrics/watch-line.js'
import { prometheusText, startMetrics } from '../../../src/metrics.js'
import { eventually } from '../../support/eventually.js'
import { KeptMeter } from '../../support/metrics/meter.js'
import { comesToMemory, URL, USER } from '../../support/near-cache/near-cache-facts.js'
import { token } from '../../support/near-cache/near-cache-scene.js'
import { openDatabase, startServer } from '../../support/scene.js'
import {
  NAMES,
  NEVER_STORED,
  SECRETS,
  useEverything,
  useTheRest,
} from '../../support/secrets/secrets-in-use.js'
import { readable } from '../../support/secrets/secrets-witness.js'
import { bareClient } from '../../support/servers/bare-client.js'
import type { RedisServer } from '../../support/servers/redis-server.js'

const PASSWORD = `password-${randomBytes(12).toString('hex')}`
const ALL_NAMES = { ...SECRETS, ...NEVER_STORED, ...NAMES, PASSWORD }

function start(...options: Parameters<typeof startMetrics>): () => void {
  const stop = startMetrics(...options)
  onTestFinished(stop)
  return stop
}

/** A sample of Prometheus' text; 0 if there is none. */
function sample(name: string): number {
  const line = prometheusText()
    .split('\n')
    .find((one) => one.startsWith(`atxp_redis_${name} `))
  return Number(line?.split(' ').at(-1) ?? 0)
}

const calls = (labels: string): number => sample(`operation_duration_seconds_count{${labels}}`)

async function watchLines(server: RedisServer): Promise<string[]> {
  const lines: string[] = []
  const subscriber = bareClient({ path: server.path, password: PASSWORD })
  await subscriber.subscribe('atxp:oauth:~watch')
  subscriber.on('message', (_, line: string) => void lines.push(line))
  return lines
}

it('counts calls by method, outcome and code from startMetrics to stop', async () => {
  const db = openDatabase({ url: (await startServer()).url })
  const [done, failed] = [
    'method="hasToken",outcome="done",code=""',
    'method="hasToken",outcome="failed",code="CLOSED"',
  ]
  await db.hasToken('a')
  const stop = start()
  await db.hasToken('a')
  await db.hasToken('a')
  await db.close()
  await expect(db.hasToken('a')).rejects.toMatchObject({ code: 'CLOSED' })
  expect([calls(done), calls(failed)]).toEqual([2, 1])
  expect(sample('connections_total')).toBe(0)
  stop()
  await expect(db.hasToken('a')).rejects.toThrow()
  expect(calls(failed)).toBe(1)
})

it('counts what the near cache has, and times only what it has not', async () => {
  const server = await startServer()
  const peer = openDatabase({ url: server.url })
  await peer.saveAccessToken(USER, URL, token)
  start()
  const db = openDatabase({ url: server.url, cache: true })
  await comesToMemory(() => db.getAccessToken(USER, URL), server)
  const before = {
    hits: sample('cache_requests_total{result="hit"}'),
    timed: calls('method="getAccessToken",outcome="done",code=""'),
  }
  for (let i = 0; i < 10; i += 1) await db.getAccessToken(USER, URL)
  expect({
    hits: sample('cache_requests_total{result="hit"}'),
    timed: calls('method="getAccessToken",outcome="done",code=""'),
  }).toEqual({ hits: before.hits + 10, timed: before.timed })
  expect(sample('cache_requests_total{result="miss"}')).toBeGreaterThan(0)
  const disarmed = sample('cache_disarmed_seconds_total')
  expect(disarmed).toBeGreaterThan(0)
  await db.getAccessToken(USER, URL)
  expect(sample('cache_disarmed_seconds_total')).toBe(disarmed)
})

it('shows how much each encryption key was used, also of databases that are closed', async () => {
  const { url } = await startServer()
  start()
  const encryption = { keys: [{ id: 'metrics-test', key: randomBytes(32) }] }
  const [db, other] = [openDatabase({ url, encryption }), openDatabase({ url, encryption })]
  await db.storeToken('a', 'token')
  await other.storeToken('b', 'token')
  expect(sample('encryption_key_seals_total{key="metrics-test"}')).toBe(2)
  await db.close()
  await other.storeToken('c', 'token')
  expect(sample('encryption_key_seals_total{key="metrics-test"}')).toBe(3)
  await other.storeToken('d', 'token')
  await other.close()
  expect(sample('encryption_key_seals_total{key="metrics-test"}')).toBe(4)
  expect(sample('encryption_key_seals_limit{key="metrics-test"}')).toBeGreaterThan(2 ** 30)
})

it('feeds OpenTelemetry by its names, and no secret, user or URL stands in anything', async () => {
  const server = await startServer({ requirepass: PASSWORD })
  const kept = new KeptMeter()
  metrics.setGlobalMeterProvider({ getMeter: () => kept.meter })
  onTestFinished(() => metrics.disable())
  const lines = await watchLines(server)
  const { url } = server
  const [db, peer, durable] = [
    openDatabase({ url }),
    openDatabase({ url, cache: true }),
    openDatabase({ url, durability: { replicas: 1, timeoutMs: 20 } }),
  ]
  const stop = start({ publish: db })
  // Its API is loaded by then.
  await eventually(async () => (await kept.points()).length > 0)
  await useEverything(db, peer, durable, async () => {})
  await useTheRest(db)
  await db.getToken('').catch(() => {})
  await eventually(() => lines.length > 0)
  const points = await kept.points()
  const amount = expect.any(Number)
  const [name, system] = ['db.client.operation.duration', { 'db.system.name': 'redis' }]
  for (const attributes of [
    { ...system, 'db.operation.name': 'getAccessToken' },
    { ...system, 'db.operation.name': 'getToken', 'error.type': '_OTHER' },
  ]) {
    expect(points).toContainEqual({ name, attributes, amount })
  }
  const refreshed = sample('refreshes_total{outcome="refreshed"}')
  const attributes = { outcome: 'refreshed' }
  expect(points).toContainEqual({ name: 'atxp.redis.refreshes', attributes, amount: refreshed })
  expect(points).toContainEqual({ name: 'atxp.redis.refresh_duration', attributes, amount })
  expect(points).toContainEqual({ name: 'atxp.redis.unsaved_pairs', attributes: {}, amount: 0 })
  expect(refreshed).toBeGreaterThan(0)
  expect(sample('registrations_total{outcome="registered"}')).toBeGreaterThan(0)
  const shown = [prometheusText(), JSON.stringify(points), ...lines]
  expect(
    readable(
      ALL_NAMES,
      shown.map((text) => Buffer.from(text)),
    ),
  ).toEqual([])
  stop()
  const recorded = (await kept.points()).length
  await durable.ping()
  expect(await kept.points()).toHaveLength(recorded)
})

it('publishes a line a second over the given database', async () => {
  const server = await startServer({ requirepass: PASSWORD })
  const lines = await watchLines(server)
  const db = openDatabase({ url: server.url })
  start({ publish: db })
  await eventually(() => lines.length >= 2)
  const read = lines.map((line) => readWatchLine(line) as WatchLine)
  expect(read.map(({ process: name }) => name)).toEqual(
    lines.map(() => expect.stringContaining(` ${process.pid}`)),
  )
  for (const { seconds } of read) expect(seconds).toBeGreaterThan(0.5)
})

it.each([
  [{ publish: 'redis://localhost' }, /options\.publish must be a RedisOAuthDatabase/],
  [{ publish: {} }, /db must be a RedisOAuthDatabase/],
  [{ publsh: undefined }, /publsh.*publish/],
  [null, /options must be an object/],
])('refuses %j', (options, says) => {
  expect(() => startMetrics(options as never)).toThrow(says)
})
