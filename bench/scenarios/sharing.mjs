import { placeOf } from '../load/contender-processes.mjs'
import { Worker } from '../load/worker.mjs'

const NAMES = ['ours', 'ours-encrypted', 'ours-cached', 'upstream', 'ioredis']
const CALLERS = 16

/** One Redis for many instances. */
export const scenario = {
  title: 'Instances that share one Redis',
  says: `All processes together, ${CALLERS} callers in each, nine reads to one write of the same records. A cache hears of every write
of every other process.`,
  charts: [
    {
      kind: 'lines',
      file: 'benchmark-sharing',
      title: 'Operations a second of all instances',
      groups: [1, 2, 4, 8, 16, 32].map(titleOf),
      metric: 'perSecond',
      xTitle: 'instances',
    },
  ],
  run,
}

function titleOf(instances) {
  return instances === 1 ? 'one instance' : `${instances} instances`
}

async function run(session) {
  const redis = await session.startRedis()
  const count = session.size(2_000, 100)
  const workers = []
  const groups = []
  for (const instances of session.size([1, 2, 4, 8, 16, 32], [1, 2])) {
    const title = titleOf(instances)
    session.prepare(`starts ${title}`)
    workers.push(
      ...(await startInstances(redis, instances - workers.length, { names: NAMES, count })),
    )
    const results = await session.alternate(title, NAMES, (name) =>
      runInstances(workers, { name, callers: CALLERS, ms: session.ms }),
    )
    const metrics = ['perSecond', 'p50Micros', 'p99Micros', 'cpuMicros']
    groups.push({ title, x: instances, metrics, baseline: 'upstream', results })
  }
  await endInstances(workers)
  return { groups, notes: [] }
}

/** Each instance has every contender open, and uses one at a time. */
export async function startInstances(redis, instances, { names, count }) {
  const workers = []
  while (workers.length < instances) {
    const worker = new Worker('load')
    for (const [db, name] of names.entries()) {
      await worker.call('open', { name, place: placeOf(redis, db), count })
      await worker.call('fill', { name })
    }
    workers.push(worker)
  }
  return workers
}

export async function runInstances(workers, options) {
  const running = workers.map((worker) => worker.call('run', { ...options, operation: 'share' }))
  return sumOf(await Promise.all(running))
}

export async function endInstances(workers) {
  for (const worker of workers) {
    await worker.call('close')
    await worker.end()
  }
}

/** Rates add up; of the times the mean, and the slowest p99. */
function sumOf(measured) {
  const of = (metric) => measured.map((one) => one[metric])
  const sum = (numbers) => numbers.reduce((total, number) => total + number, 0)
  return {
    perSecond: sum(of('perSecond')),
    p50Micros: sum(of('p50Micros')) / measured.length,
    p99Micros: Math.max(...of('p99Micros')),
    cpuMicros: sum(of('cpuMicros')) / measured.length,
  }
}
