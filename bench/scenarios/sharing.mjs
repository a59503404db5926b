import { placesOn } from '../load/contender-processes.mjs'
import { Worker } from '../load/worker.mjs'
import { plural } from '../words.mjs'

const NAMES = ['ours', 'upstream']
const INSTANCES = [1, 2, 4, 8, 16, 32]
const CALLERS = [1, 4, 16]

/** One Redis for many instances. */
export const scenario = {
  title: 'Instances that share one Redis',
  says: 'All processes together, each with so many callers, mixed.',
  targets: CALLERS.flatMap((callers) =>
    INSTANCES.map((instances) => ({
      group: titleOf(instances, callers),
      of: 'ours',
      over: 'upstream',
      atLeast: 0.97,
      obstacle: 'processes take turns on two cores, with cold caches',
    })),
  ),
  charts: [
    {
      kind: 'ratios',
      file: 'benchmark-sharing',
      title: "Rate of all instances as a multiple of upstream's way",
      series: CALLERS.map((callers) => ({
        name: callers === 1 ? 'one caller each' : `${callers} callers each`,
        groups: INSTANCES.map((instances) => titleOf(instances, callers)),
      })),
      of: 'ours',
      over: 'upstream',
      metric: 'perSecond',
      xTitle: 'instances',
    },
  ],
  run,
}

function titleOf(instances, callers) {
  return `${plural(instances, 'instance')} of ${callers}`
}

async function run(session) {
  const redis = await session.startRedis()
  const places = placesOn(redis, NAMES)
  const workers = []
  const groups = []
  for (const instances of session.size(INSTANCES, [1, 2])) {
    session.prepare(`starts ${instances} instances`)
    workers.push(...(await startInstances(session, places, instances - workers.length)))
    for (const callers of session.size(CALLERS, [4])) {
      const title = titleOf(instances, callers)
      const results = await session.alternate(title, NAMES, (name, length) =>
        runInstances(workers, { name, callers, ...length }),
      )
      const metrics = ['perSecond', 'p50Micros', 'p99Micros', 'cpuMicros']
      groups.push({ title, x: instances, metrics, baseline: 'upstream', results })
    }
  }
  await endInstances(workers)
  return { groups, notes: [] }
}

/**
 * Each instance has every contender open, and uses one at a time.
 * @param places - by the name of the contender
 */
export async function startInstances(session, places, instances) {
  const count = session.size(2_000, 100)
  const workers = []
  while (workers.length < instances) {
    const worker = new Worker('load')
    for (const [name, place] of places) {
      await worker.call('open', { name, place, count })
      await worker.call('fill', { name })
    }
    workers.push(worker)
  }
  return workers
}

/** @param options.isSticky - whether each instance has users of its own */
export async function runInstances(workers, options) {
  const shared = { ...options, operation: 'share', instances: workers.length }
  const running = workers.map((worker, instance) => worker.call('run', { ...shared, instance }))
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
    done: sum(of('done')),
    perSecond: sum(of('perSecond')),
    p50Micros: sum(of('p50Micros')) / measured.length,
    p99Micros: Math.max(...of('p99Micros')),
    cpuMicros: sum(of('cpuMicros')) / measured.length,
  }
}
