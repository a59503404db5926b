import { placeOf } from '../load/contender-processes.mjs'
import { findRedisBenchmark, runRedisBenchmark } from '../load/redis-benchmark.mjs'
import { Worker } from '../load/worker.mjs'

const NAMES = [
  ...['ours', 'ours-encrypted', 'ours-hot', 'upstream', 'upstream-encrypted'],
  ...['ioredis', 'ioredis-auto', 'keyv', 'connect-redis'],
]
const SOCKETS = [64, 256]

/** A server under real arrivals. */
export const scenario = {
  title: 'Real arrivals',
  says: `A server reads one record for each request of \`redis-benchmark\`, which sends one at a time on each socket.`,
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
  ],
  run,
}

function titleOf(sockets) {
  return `requests from ${sockets} sockets`
}

async function run(session) {
  if (findRedisBenchmark() === undefined) {
    return { groups: [], notes: ['Left out: there is no redis-benchmark on the PATH.'] }
  }
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
  const groups = []
  for (const connections of SOCKETS) {
    const title = titleOf(connections)
    const results = await session.alternate(title, NAMES, (name) =>
      measure(servers.get(name), { connections, range: count, ms: session.ms }),
    )
    const metrics = ['perSecond', 'cpuMicros', 'p50Micros', 'p99Micros']
    groups.push({ title, metrics, baseline: 'upstream', results })
  }
  for (const { worker } of servers.values()) {
    await worker.call('close')
    await worker.end()
  }
  return { groups, notes: [] }
}

async function measure(server, { connections, range, ms }) {
  const requests = Math.ceil((server.perSecond * ms) / 1000) + connections
  await server.worker.call('begin')
  const options = { connections, pipeline: 1, requests, range }
  const measured = await runRedisBenchmark(server.port, options, ['GET', '__rand_int__'])
  server.perSecond = measured.perSecond
  return { ...measured, ...(await server.worker.call('end')) }
}
