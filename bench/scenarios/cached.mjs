import { endContenders, startContenders } from '../load/contender-processes.mjs'

const NAMES = ['ours-cached', 'memory', 'map']
const READS = 'cached reads, one caller'

/** Reads that need no Redis. */
export const scenario = {
  title: 'Near cache',
  says: 'With `cache: true`, a repeated read needs no Redis. 1000 users, one caller.',
  targets: [{ group: READS, of: 'ours-cached', over: 'memory', atMost: 0.77 }],
  charts: [
    {
      kind: 'bars',
      file: 'benchmark-cached',
      title: 'One cached read: nanoseconds',
      groups: [READS],
      metric: 'nanos',
    },
  ],
  run,
}

async function run(session) {
  const redis = await session.startRedis()
  const workers = await startContenders(session, redis, NAMES, session.size(1_000, 100))
  const results = await session.alternate(READS, NAMES, async (name, length) => {
    const options = { name, operation: 'read', callers: 1, ...length, isInMemory: true }
    const { meanMicros } = await workers.get(name).call('run', options)
    return { nanos: meanMicros * 1000 }
  })
  await endContenders(workers)
  return { groups: [{ title: READS, metrics: ['nanos'], baseline: 'memory', results }], notes: [] }
}
