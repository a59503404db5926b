import { endContenders, startContenders } from '../load/contender-processes.mjs'

const CALLERS = [1, 2, 4, 8, 12, 16, 24, 32, 64, 128]
const NAMES = ['ours-text', 'ours', 'upstream', 'ioredis']
const METRICS = ['perSecond', 'p50Micros', 'p99Micros', 'cpuMicros']

/** What a process with few calls under way gets. */
export const scenario = {
  title: 'Few callers',
  says: `As *Throughput*, for 1 to 128 callers: a process that serves people.`,
  targets: ['read', 'write'].flatMap((operation) =>
    CALLERS.map((callers) => ({
      group: `${operation}s, ${callers} callers`,
      of: 'ours',
      over: 'upstream',
      atLeast: 0.97,
      obstacle: '',
    })),
  ),
  charts: [],
  run,
}

async function run(session) {
  const redis = await session.startRedis()
  const workers = await startContenders(session, redis, NAMES, session.size(10_000, 512))
  const groups = []
  for (const operation of ['read', 'write']) {
    for (const callers of session.size(CALLERS, [4])) {
      const title = `${operation}s, ${callers} callers`
      const options = { operation, callers, ms: session.ms }
      const results = await session.alternate(title, NAMES, (name) =>
        workers.get(name).call('run', { name, ...options }),
      )
      groups.push({ title, x: callers, metrics: METRICS, baseline: 'upstream', results })
    }
  }
  await endContenders(workers)
  return { groups, notes: [] }
}
