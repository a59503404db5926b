import { endContenders, startContenders } from '../load/contender-processes.mjs'
import { plural } from '../words.mjs'

const CALLERS = [1, 4, 8, 16, 64]
const OURS = 'ours'
const PUBLISHED = 'upstream'
/** The same once more: how far the two are apart is the scatter. */
const AGAIN = 'upstream-again'
const NAMES = [OURS, PUBLISHED, AGAIN]
const OPERATIONS = ['read', 'write']

/** What the slowest of a hundred calls takes. */
export const scenario = {
  title: 'The slowest of a hundred',
  says: `p99 of 50 000 operations a round. *Again* is the same implementation in a second process: what lies between is scatter.`,
  targets: OPERATIONS.flatMap((operation) =>
    CALLERS.map((callers) => ({
      group: titleOf(operation, callers),
      of: OURS,
      over: PUBLISHED,
      metric: 'p99Micros',
      atMost: 1.15,
      obstacle: 'compare with *again*, which shows the scatter',
    })),
  ),
  charts: OPERATIONS.map((operation) => ({
    kind: 'lines',
    file: `benchmark-tail-${operation}s`,
    title: `p99 of ${operation}s, by number of callers`,
    groups: CALLERS.map((callers) => titleOf(operation, callers)),
    metric: 'p99Micros',
    xTitle: 'callers',
  })),
  run,
}

function titleOf(operation, callers) {
  return `p99 of ${operation}s, ${plural(callers, 'caller')}`
}

async function run(session) {
  const redis = await session.startRedis()
  const workers = await startContenders(session, redis, NAMES, session.size(10_000, 512))
  const operations = session.size(50_000, 500)
  const groups = []
  for (const operation of OPERATIONS) {
    // Code that is not compiled yet would be the slowest of the first round.
    for (const [name, worker] of workers) {
      await worker.call('run', { name, operation, callers: 8, operations: operations / 5 })
    }
    for (const callers of CALLERS) {
      const title = titleOf(operation, callers)
      const results = await session.alternate(
        title,
        NAMES,
        (name) => workers.get(name).call('run', { name, operation, callers, operations }),
        { isWarmUpNeeded: false, maxRounds: 3 },
      )
      const metrics = ['p99Micros', 'p50Micros', 'perSecond', 'cpuMicros']
      groups.push({ title, x: callers, metrics, baseline: PUBLISHED, results })
    }
  }
  await endContenders(workers)
  return { groups, notes: [] }
}
