import { setTimeout as wait } from 'node:timers/promises'
import { placeOf } from '../load/contender-processes.mjs'
import { Worker } from '../load/worker.mjs'
import { percentile } from '../stats.mjs'

const PROCESSES = 5
const WAITERS = 10
const POLL_MS = 5
const WAYS = [
  ...['singleFlight', 'publish and subscribe'],
  ...['poll every 10 ms', 'poll every 50 ms', 'poll every 100 ms'],
]
const TITLE = 'the last of 50 waiters in 5 processes'

/** How soon those who wait for a refresh have its result. */
export const scenario = {
  title: 'Waking',
  says: `Fifty callers in five processes wait for a sixth. Time from the result in Redis until the last caller has it. *Publish and
subscribe* alone hangs for ever if a message is lost.`,
  targets: [
    {
      group: TITLE,
      of: 'singleFlight',
      atMost: 2,
      obstacle: '*publish and subscribe* is the least that waking takes',
    },
  ],
  charts: [
    {
      kind: 'bars',
      file: 'benchmark-waking',
      title: 'Until the last of 50 waiters has the result: milliseconds',
      groups: [TITLE],
      metric: 'p50Ms',
    },
  ],
  run,
}

async function run(session) {
  const server = await session.startRedis()
  const redis = session.connect(server.url)
  session.prepare('starts all processes')
  // One more than wait: it leads.
  const processes = session.size(PROCESSES, 1) + 1
  const starting = WAYS.map(async (name, db) => [
    name,
    await startFleet(server, db, name, processes),
  ])
  const fleets = new Map(await Promise.all(starting))
  const jobs = session.size(20, 2)
  let job = 0
  const results = await session.alternate(TITLE, WAYS, async (name) => {
    const delaysMs = []
    for (let count = 0; count < jobs; count += 1) {
      job += 1
      delaysMs.push(await timeToLast(redis, name, fleets.get(name), `job ${job}`, WAITERS))
    }
    delaysMs.sort((one, other) => one - other)
    return { p50Ms: percentile(delaysMs, 0.5), p99Ms: percentile(delaysMs, 0.99) }
  })
  for (const worker of [...fleets.values()].flat()) {
    await worker.call('close')
    await worker.end()
  }
  return { groups: [{ title: TITLE, metrics: ['p50Ms', 'p99Ms'], results }], notes: [] }
}

/** Processes that wait in the named way. */
export async function startFleet(server, db, name, processes) {
  const workers = Array.from({ length: processes }, () => new Worker('waiter'))
  const options = { name, place: placeOf(server, db) }
  await Promise.all(workers.map((worker) => worker.call('open', options)))
  return workers
}

/** Milliseconds from the result, which the first process makes, until the last of `waiters` in each other has it. */
export async function timeToLast(redis, name, [leader, ...others], job, waiters) {
  await subscribersAre(redis, 0)
  await leader.call('lead', job)
  const waiting = others.map((worker) => worker.call('wait', job, waiters))
  if (!name.startsWith('poll')) await subscribersAre(redis, others.length)
  // Past the look that follows a subscription, and at any moment of a poll.
  await wait(20 + Math.random() * 100)
  const finishedAt = await leader.call('finish', job)
  const lastAt = await Promise.all(waiting)
  return Math.max(...lastAt.map((at) => Number(at - finishedAt))) / 1_000_000
}

async function subscribersAre(redis, expected) {
  for (;;) {
    const channels = await redis.pubsub('CHANNELS')
    const counts = channels.length === 0 ? [] : await redis.pubsub('NUMSUB', ...channels)
    const subscribers = counts.filter((_, index) => index % 2 === 1)
    if (subscribers.reduce((sum, count) => sum + Number(count), 0) === expected) return
    await wait(POLL_MS)
  }
}
