import { placeOf } from '../load/contender-processes.mjs'
import { findRedisBenchmark, runRedisBenchmark } from '../load/redis-benchmark.mjs'
import { Worker } from '../load/worker.mjs'

const NAMES = [
  ...['ours', 'ours-encrypted', 'ours-hot', 'upstream', 'upstream-encrypted'],
  ...['ioredis', 'ioredis-auto', 'keyv', 'connect-redis'],
]
const SOCKETS = [64, 256]
const RATES = [1_000, 5_000, 10_000, 15_000]
// Few are under way at once, as at the lower rates, which would take longer.
const WARM_UP_RATE = 10_000
const AT_RATES = ['ours', 'upstream', 'connect-redis']

/** A server under real arrivals. */
export const scenario = {
  title: 'Real arrivals',
  says: `A server reads one record for each request of \`redis-benchmark\`, which sends one at a time on each socket, and of a generator
with a fixed rate.`,
  targets: [
    {
      group: titleOf(256),
      of: 'ours',
      over: 'upstream',
      atLeast: 1.4,
      obstacle: 'three processes share two cores',
    },
  ],
  charts: [
    {
      kind: 'bars',
      file: 'benchmark-arrivals',
      title: `Requests a second, ${SOCKETS.at(-1)} sockets`,
      groups: [titleOf(SOCKETS.at(-1))],
      metric: 'perSecond',
    },
    ...['p50Micros', 'p99Micros'].map((metric) => ({
      kind: 'lines',
      file: `benchmark-rates-${metric.slice(0, 3)}`,
      title: `${metric.slice(0, 3)} of a request, by arrivals a second on ${SOCKETS.at(-1)} sockets`,
      groups: RATES.map(titleOfRate),
      metric,
      xTitle: 'arrivals a second',
    })),
  ],
  run,
}

function titleOf(sockets) {
  return `requests from ${sockets} sockets`
}

function titleOfRate(perSecond) {
  return `${perSecond} arrivals a second`
}

async function run(session) {
  const redis = await session.startRedis()
  // Few enough to be read again and again, as users do.
  const count = session.size(1_000, 100)
  session.prepare(`starts ${NAMES.length} servers`)
  const starting = NAMES.map(async (name, db) => {
    const worker = new Worker('arrivals')
    const port = await worker.call('open', { name, place: placeOf(redis, db), count })
    return [name, { worker, port, perSecond: 20_000 }]
  })
  const servers = new Map(await Promise.all(starting))
  const hasBenchmark = findRedisBenchmark() !== undefined
  const groups = [
    ...(hasBenchmark ? await byTurns(session, servers, count) : []),
    ...(await atRates(session, servers, count)),
  ]
  for (const { worker } of servers.values()) {
    await worker.call('close')
    await worker.end()
  }
  const notes = hasBenchmark ? [] : ['`redis-benchmark` was not installed.']
  return { groups, notes }
}

async function byTurns(session, servers, range) {
  const groups = []
  for (const connections of SOCKETS) {
    const title = titleOf(connections)
    const results = await session.alternate(title, NAMES, (name, length) =>
      measure(servers.get(name), { connections, range, ...length }),
    )
    const metrics = ['perSecond', 'cpuMicros', 'p50Micros', 'p99Micros']
    groups.push({ title, metrics, baseline: 'upstream', results })
  }
  return groups
}

async function atRates(session, servers, range) {
  const generator = new Worker('generator')
  const groups = []
  for (const perSecond of session.size(RATES, [1_000])) {
    const title = titleOfRate(perSecond)
    const options = { sockets: SOCKETS.at(-1), range }
    const results = await session.alternate(title, AT_RATES, async (name, { ms, atLeast }) => {
      const { worker, port } = servers.get(name)
      await worker.call('begin')
      // The tail of few arrivals needs longer.
      const arrivals = atLeast === undefined ? { perSecond, ms: 2 * ms } : warmUpOf(atLeast)
      const measured = await generator.call('run', { port, ...options, ...arrivals })
      return { ...measured, ...(await worker.call('end')) }
    })
    const metrics = ['p50Micros', 'p99Micros', 'cpuMicros', 'perSecond']
    groups.push({ title, x: perSecond, metrics, baseline: 'upstream', results })
  }
  await generator.end()
  return groups
}

function warmUpOf(requests) {
  return { perSecond: WARM_UP_RATE, ms: (requests / WARM_UP_RATE) * 1000 }
}

async function measure(server, { connections, range, ms, atLeast = 0 }) {
  const requests = Math.max(atLeast, Math.ceil((server.perSecond * ms) / 1000)) + connections
  await server.worker.call('begin')
  const options = { connections, pipeline: 1, requests, range }
  const measured = await runRedisBenchmark(server.port, options, ['GET', '__rand_int__'])
  server.perSecond = measured.perSecond
  return { ...measured, ...(await server.worker.call('end')) }
}
