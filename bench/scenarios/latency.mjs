import { endContenders, startContenders } from '../load/contender-processes.mjs'
import { findRedisBenchmark, WireLimit } from '../load/redis-benchmark.mjs'

const LIMIT = 'redis-benchmark'
const NAMES = [
  ...['ours-text', 'ours-text-encrypted', 'ioredis', 'ioredis-auto'],
  ...['ours', 'ours-encrypted', 'upstream', 'keyv', 'connect-redis'],
]

/** One caller: what a single operation takes. */
export const scenario = {
  title: 'Latency at one caller',
  says: 'ioredis and the token API read and write a text; the others, a record.',
  targets: ['read', 'write'].flatMap((operation) => {
    const group = `${operation}s, one caller`
    return [
      { group, of: 'ours-text', over: 'ioredis', atMost: 1.05 },
      {
        group,
        of: 'ours-text-encrypted',
        over: 'ioredis',
        atMost: 1.15,
        obstacle: 'sealing takes 9 µs, a tenth of a round trip (`node bench/crypto.mjs`)',
      },
    ]
  }),
  charts: ['read', 'write'].map((operation) => ({
    kind: 'bars',
    file: `benchmark-latency-${operation}`,
    title: `One ${operation} at a time: microseconds`,
    groups: [`${operation}s, one caller`],
    metric: 'p50Micros',
  })),
  run,
}

async function run(session) {
  const redis = await session.startRedis()
  const count = session.size(10_000, 500)
  const workers = await startContenders(session, redis, NAMES, count)
  const limit = findRedisBenchmark() && new WireLimit(redis, NAMES.length, count)
  await limit?.fill()
  const names = limit === undefined ? NAMES : [...NAMES, LIMIT]
  const groups = []
  for (const operation of ['read', 'write']) {
    const title = `${operation}s, one caller`
    const options = { operation, callers: 1 }
    const results = await session.alternate(title, names, (name, length) =>
      name === LIMIT
        ? limit.run({ ...options, ...length })
        : workers.get(name).call('run', { name, ...options, ...length }),
    )
    const metrics = ['p50Micros', 'meanMicros', 'p99Micros', 'cpuMicros']
    groups.push({ title, metrics, baseline: 'ioredis', results })
  }
  await endContenders(workers)
  return { groups, notes: [] }
}
