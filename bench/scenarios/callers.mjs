import { endContenders, startContenders } from '../load/contender-processes.mjs'
import { plural } from '../words.mjs'

const CALLERS = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128, 512, 4096]
const NAMES = ['ours', 'ours-coordinated', 'upstream']
const METRICS = ['perSecond', 'p50Micros', 'p99Micros', 'cpuMicros']
const OPERATIONS = { reads: 'read', writes: 'write', mixed: 'share' }

/** What one process gets, by how many of its calls are under way. */
export const scenario = {
  title: 'By number of callers',
  says: `One process, one connection, 10 000 users. Each caller begins its next operation when the last has ended. *Mixed*: nine reads
to one write.`,
  targets: Object.keys(OPERATIONS).flatMap((operation) =>
    CALLERS.map((callers) => ({
      group: titleOf(operation, callers),
      of: 'ours',
      over: 'upstream',
      atLeast: 0.97,
      obstacle: 'two processes of the same code differ by as much',
    })),
  ),
  answer: {
    operations: Object.keys(OPERATIONS),
    callers: [1, 4, 8, 16, 64, 512],
    names: ['ours'],
    baseline: 'upstream',
  },
  charts: [
    {
      kind: 'ratios',
      isAnswer: true,
      file: 'benchmark-callers',
      title: "Rate as a multiple of upstream's way, by number of callers",
      series: Object.keys(OPERATIONS).map((operation) => ({
        name: operation,
        groups: CALLERS.map((callers) => titleOf(operation, callers)),
      })),
      of: 'ours',
      over: 'upstream',
      metric: 'perSecond',
      xTitle: 'callers',
    },
  ],
  run,
}

function titleOf(operation, callers) {
  return `${operation}, ${plural(callers, 'caller')}`
}

async function run(session) {
  const redis = await session.startRedis()
  const workers = await startContenders(session, redis, NAMES, session.size(10_000, 512))
  const groups = []
  for (const [title, operation] of Object.entries(OPERATIONS)) {
    for (const callers of session.size(CALLERS, [4])) {
      const group = titleOf(title, callers)
      const results = await session.alternate(group, NAMES, (name, length) =>
        workers.get(name).call('run', { name, operation, callers, ...length }),
      )
      groups.push({ title: group, x: callers, metrics: METRICS, baseline: 'upstream', results })
    }
  }
  await endContenders(workers)
  return { groups, notes: [] }
}
