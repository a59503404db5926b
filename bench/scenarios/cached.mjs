import { endContenders, startContenders } from '../load/contender-processes.mjs'

const NAMES = ['ours-cached', 'memory', 'map']
const READS = 'cached reads, one caller'
const SAVES = 'saves of the record that is there, one caller'

/** Reads that need no Redis. */
export const scenario = {
  title: 'Near cache',
  says: `With \`cache: true\`, a repeated read needs no Redis, nor does a save of the record that the cache holds. 1000 users, one caller.`,
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
  const count = session.size(1_000, 100)
  const groups = []
  // The server's tokens have no refresh token, and so a life of fixed length.
  for (const [title, operation, isRenewable] of [
    [READS, 'read', true],
    [SAVES, 'rewrite', false],
  ]) {
    const redis = await session.startRedis()
    const workers = await startContenders(session, redis, NAMES, count, isRenewable)
    const results = await session.alternate(title, NAMES, async (name) => {
      const options = { name, operation, callers: 1, ms: session.ms, isInMemory: true }
      const { meanMicros } = await workers.get(name).call('run', options)
      return { nanos: meanMicros * 1000 }
    })
    groups.push({ title, metrics: ['nanos'], baseline: 'memory', results })
    await endContenders(workers)
  }
  return { groups, notes: [] }
}
