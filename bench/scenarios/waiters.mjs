import { plural } from '../words.mjs'
import { startFleet, timeToLast } from './waking.mjs'

const WAITERS = [1, 10, 100, 1_000, 10_000, 100_000]
const FLEETS = { 'in one process': 1, 'in four processes': 4 }
const WAY = 'singleFlight'

/** How a crowd waits for one refresh. */
export const scenario = {
  title: 'From one waiter to 100 000',
  says: 'As above, all for the same result.',
  charts: [
    {
      kind: 'lines',
      file: 'benchmark-waiters',
      title: 'Until the last waiter has the result: milliseconds',
      groups: WAITERS.map(titleOf),
      metric: 'p50Ms',
      xTitle: 'waiters',
    },
  ],
  run,
}

function titleOf(waiters) {
  return plural(waiters, 'waiter')
}

async function run(session) {
  const server = await session.startRedis()
  const redis = session.connect(server.url)
  const fleets = new Map()
  for (const [db, [name, processes]] of Object.entries(FLEETS).entries()) {
    fleets.set(name, await startFleet(server, db, WAY, processes + 1))
  }
  let job = 0
  const groups = []
  for (const waiters of session.size(WAITERS, [1, 10])) {
    const names = [...fleets.keys()].filter((name) => waiters >= FLEETS[name])
    const results = await session.alternate(titleOf(waiters), names, async (name) => {
      job += 1
      const each = Math.ceil(waiters / FLEETS[name])
      return { p50Ms: await timeToLast(redis, WAY, fleets.get(name), `job ${job}`, each) }
    })
    groups.push({ title: titleOf(waiters), x: waiters, metrics: ['p50Ms'], results })
  }
  for (const worker of [...fleets.values()].flat()) {
    await worker.call('close')
    await worker.end()
  }
  return { groups, notes: [] }
}
