import { endContenders, startContenders } from '../load/contender-processes.mjs'
import { plural } from '../words.mjs'

const CALLERS = [1, 4, 8, 16, 64]
const OURS = 'ours'
const PUBLISHED = 'upstream'
/** The same once more: how far the two are apart is the scatter. */
const AGAIN = 'upstream-again'
const NAMES = [OURS, PUBLISHED, AGAIN]
const OPERATIONS = { reads: 'read', writes: 'write', mixed: 'share' }

/** What the slowest of a hundred calls takes. */
export const scenario = {
  title: 'The slowest of a hundred',
  says: `p99 of 50 000 operations a round. *Again* is upstream's way in a second process: the difference is scatter.`,
  targets: Object.keys(OPERATIONS).flatMap((operation) =>
    CALLERS.map((callers) => ({
      group: titleOf(operation, callers),
      of: OURS,
      over: PUBLISHED,
      again: AGAIN,
      metric: 'p99Micros',
      atMost: 1.15,
    })),
  ),
  charts: Object.keys(OPERATIONS).map((operation) => ({
    kind: 'lines',
    file: `benchmark-tail-${operation}`,
    title: `p99 of ${operation}, by number of callers`,
    groups: CALLERS.map((callers) => titleOf(operation, callers)),
    metric: 'p99Micros',
    xTitle: 'callers',
  })),
  run,
}

function titleOf(operation, callers) {
  return `p99 of ${operation}, ${plural(callers, 'caller')}`
}

async function run(session) {
  const redis = await session.startRedis()
  const workers = await startContenders(session, redis, NAMES, session.size(10_000, 512))
  const operations = session.size(50_000, 500)
  const groups = []
  for (const [kind, operation] of Object.entries(OPERATIONS)) {
    for (const callers of CALLERS) {
      const title = titleOf(kind, callers)
      const results = await session.alternate(title, NAMES, (name) =>
        workers.get(name).call('run', { name, operation, callers, operations }),
      )
      const metrics = ['p99Micros', 'p50Micros', 'perSecond', 'cpuMicros']
      groups.push({ title, x: callers, metrics, baseline: PUBLISHED, results })
    }
  }
  await endContenders(workers)
  return { groups, notes: [] }
}
