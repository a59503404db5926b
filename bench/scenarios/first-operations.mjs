import { placesOn } from '../load/contender-processes.mjs'
import { Worker } from '../load/worker.mjs'
import { plural } from '../words.mjs'

const NAMES = ['ours', 'upstream']
const CALLERS = [1, 4]
const UNTIL = [1_000, 5_000, 20_000]

/** What a process takes before V8 has compiled what it does. */
export const scenario = {
  title: 'The first operations of a process',
  says: 'What a new process takes for its first operations, mixed. The other measurements leave out the first 30 000.',
  charts: [
    {
      kind: 'ratios',
      file: 'benchmark-first-operations',
      title: "First operations: time as a multiple of upstream's way",
      series: CALLERS.map((callers) => ({
        name: plural(callers, 'caller'),
        groups: UNTIL.map((operations) => titleOf(operations, callers)),
      })),
      of: 'ours',
      over: 'upstream',
      metric: 'ms',
      xTitle: 'operations',
    },
  ],
  run,
}

function titleOf(operations, callers) {
  return `the first ${operations} operations, ${plural(callers, 'caller')}`
}

async function run(session) {
  const redis = await session.startRedis()
  const count = session.size(10_000, 100)
  const places = placesOn(redis, NAMES)
  for (const [name, place] of places) {
    await inNewProcess({ name, place, count }, (worker) => worker.call('fill', { name }))
  }
  const groups = []
  for (const callers of CALLERS) {
    const rounds = await session.alternate(
      `the first operations, ${plural(callers, 'caller')}`,
      NAMES,
      (name) =>
        inNewProcess({ name, place: places.get(name), count }, (worker) =>
          timesUntil(worker, name, callers, session.size(1, 0.01)),
        ),
      { isWarmUpNeeded: false },
    )
    for (const [step, operations] of UNTIL.entries()) {
      const results = new Map(
        [...rounds].map(([name, times]) => [name, times.map((one) => one[step])]),
      )
      const title = titleOf(operations, callers)
      groups.push({ title, x: operations, metrics: ['ms'], baseline: 'upstream', results })
    }
  }
  return { groups, notes: [] }
}

async function inNewProcess(options, work) {
  const worker = new Worker('load')
  await worker.call('open', options)
  const result = await work(worker)
  await worker.call('close')
  await worker.end()
  return result
}

/** Milliseconds until so many operations are done; the first, which connects, does not count. */
async function timesUntil(worker, name, callers, part) {
  const run = (operations) =>
    worker.call('run', { name, operation: 'share', callers, operations: operations * part })
  await run(1)
  const times = []
  let ms = 0
  for (const [step, operations] of UNTIL.entries()) {
    const { done, perSecond } = await run(operations - (UNTIL[step - 1] ?? 0))
    ms += (done / perSecond) * 1000
    times.push({ ms })
  }
  return times
}
