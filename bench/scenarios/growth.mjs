import { placeOf } from '../load/contender-processes.mjs'
import { Worker } from '../load/worker.mjs'

const SIZES = [1_000, 10_000, 100_000, 1_000_000, 10_000_000]
const OPERATIONS = ['reads', 'writes', "a user's sessions"]
const CALLERS = 16
const LISTING = 'users()'
const MEMORY = 'Redis'

/** What more users cost. */
export const scenario = {
  title: 'From a thousand users to ten million',
  says: `Each has a session with short tokens (64 and 32 characters). ${CALLERS} callers. A user's sessions are read from their index;
\`users()\` walks all of Redis.`,
  charts: [
    chart(
      'operations',
      'Operations a second, by users in Redis',
      'perSecond',
      (size) => `${size} users`,
    ),
    chart('listing', 'Seconds to list all users', 'seconds', (size) => `listing of ${size} users`),
    chart(
      'memory',
      'Memory of Redis: megabytes',
      'serverBytes',
      (size) => `memory of ${size} users`,
    ),
  ],
  run,
}

function chart(file, title, metric, titleOf) {
  return {
    kind: 'lines',
    file: `benchmark-growth-${file}`,
    title,
    groups: SIZES.map(titleOf),
    metric,
    xTitle: 'users',
  }
}

async function run(session) {
  const redis = await session.startRedis()
  const worker = new Worker('many-users')
  await worker.call('open', { place: placeOf(redis, 0) })
  const groups = []
  for (const size of session.size(SIZES, [100, 1_000])) {
    session.prepare(`stores ${size} users`)
    const serverBytes = await worker.call('growTo', size)
    const rates = await session.alternate(`${size} users`, OPERATIONS, (operation, length) =>
      worker.call('run', { operation, callers: CALLERS, ...length }),
    )
    const metrics = ['perSecond', 'p50Micros', 'p99Micros', 'cpuMicros']
    groups.push({ title: `${size} users`, x: size, metrics, results: rates })
    // Once: the walk through ten million takes minutes.
    const listed = await session.alternate(
      `listing of ${size} users`,
      [LISTING],
      () => worker.call('list'),
      { isWarmUpNeeded: false, maxRounds: 1 },
    )
    groups.push({
      title: `listing of ${size} users`,
      x: size,
      metrics: ['seconds'],
      results: listed,
    })
    groups.push({
      title: `memory of ${size} users`,
      x: size,
      metrics: ['serverBytes'],
      results: new Map([[MEMORY, [{ serverBytes }]]]),
    })
  }
  await worker.call('close')
  await worker.end()
  return { groups, notes: [] }
}
