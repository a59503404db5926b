import { endContenders, startContenders } from '../load/contender-processes.mjs'
import { findRedisBenchmark, WireLimit } from '../load/redis-benchmark.mjs'

const CALLERS = [16, 64, 512]
const LIMIT = 'redis-benchmark'

// What stands in the way of a target, by what the tables have beside it.
const WIRE = 'ioredis can do no more than *batched by hand*'
const RECORD = 'JSON costs both as much'
const CIPHER = "the cipher alone takes most of upstream's time"

const READERS = [
  ...['ours-text', 'ours', 'ours-encrypted', 'ours-hot', 'ours-cached'],
  ...['upstream', 'upstream-encrypted', 'ioredis', 'ioredis-auto', 'keyv', 'connect-redis'],
  ...['batched', 'cipher'],
]
const WRITERS = READERS.filter((name) => name !== 'ours-hot' && name !== 'ours-cached')
const METRICS = ['perSecond', 'p50Micros', 'p99Micros', 'cpuMicros']

/** Operations a second of one process, by how many callers it has. */
export const scenario = {
  title: 'Throughput',
  says: `As by number of callers, with more implementations. *Read before* reads 1000 users again and again.`,
  targets: [
    ...target('read', 'ours-text', { 64: 2.6, 512: 3.3 }, WIRE),
    ...target('read', 'ours', { 64: 2, 512: 2.2 }, RECORD),
    ...target('read', 'ours-encrypted', { 16: 1, 64: 1.8, 512: 1.8 }, CIPHER, 'upstream-encrypted'),
    ...target('read', 'ours-hot', { 64: 1.9, 512: 1.9 }, RECORD),
    ...target('write', 'ours-text', { 64: 2.2, 512: 2.6 }, WIRE),
    ...target('write', 'ours', { 64: 1.5, 512: 1.7 }, RECORD),
    ...target(
      'write',
      'ours-encrypted',
      { 16: 1, 64: 1.5, 512: 1.5 },
      CIPHER,
      'upstream-encrypted',
    ),
  ],
  answer: {
    operations: ['reads', 'writes'],
    callers: CALLERS,
    names: ['ours-text', 'ours-encrypted', 'ours-hot'],
    baseline: 'upstream',
  },
  charts: ['read', 'write'].map((operation) => ({
    kind: 'lines',
    file: `benchmark-${operation}s`,
    title: `${operation === 'read' ? 'Reads' : 'Writes'} a second, by number of callers`,
    groups: CALLERS.map((callers) => `${operation}s, ${callers} callers`),
    metric: 'perSecond',
    xTitle: 'callers',
  })),
  run,
}

async function run(session) {
  const redis = await session.startRedis()
  const count = session.size(10_000, 512)
  const workers = await startContenders(session, redis, READERS, count)
  const limit = findRedisBenchmark() && new WireLimit(redis, READERS.length, count)
  await limit?.fill()

  const groups = []
  for (const [operation, names] of [
    ['read', READERS],
    ['write', WRITERS],
  ]) {
    for (const callers of session.size(CALLERS, [16, 512])) {
      const title = `${operation}s, ${callers} callers`
      const all = limit === undefined ? names : [...names, LIMIT]
      const options = { operation, callers }
      const results = await session.alternate(title, all, (name, length) =>
        name === LIMIT
          ? limit.run({ ...options, ...length })
          : workers.get(name).call('run', { name, ...options, ...length }),
      )
      groups.push({ title, x: callers, metrics: METRICS, baseline: 'upstream', results })
    }
  }
  await endContenders(workers)
  const notes = limit === undefined ? ['`redis-benchmark` was not installed.'] : []
  return { groups, notes }
}

function target(operation, of, ratios, obstacle, over = 'upstream') {
  return Object.entries(ratios).map(([callers, atLeast]) => ({
    group: `${operation}s, ${callers} callers`,
    of,
    over,
    atLeast,
    obstacle,
  }))
}
