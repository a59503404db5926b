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
    while (workers.length < instances) workers.push(await startInstance(redis, count))
    const results = await session.alternate(title, NAMES, async (name) => {
      const options = { name, operation: 'share', callers: CALLERS, ms: session.ms }
      return sumOf(await Promise.all(workers.map((worker) => worker.call('run', options))))
    })
    const metrics = ['perSecond', 'p50Micros', 'p99Micros', 'cpuMicros']
    groups.push({ title, x: instances, metrics, baseline: 'upstream', results })
  }
  for (const worker of workers) {
    await worker.call('close')
    await worker.end()
  }
  return { groups, notes: [] }
}

/** Each instance has every contender open, and uses one at a time. */
async function startInstance(redis, count) {
  const worker = new Worker('load')
  for (const [db, name] of NAMES.entries()) {
    await worker.call('open', { name, place: placeOf(redis, db), count })
    await worker.call('fill', { name })
  }
  return worker
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
