import { endContenders, placeOf, startContenders } from '../load/contender-processes.mjs'

const NAMES = ['ours', 'ours-encrypted', 'upstream', 'upstream-encrypted', 'keyv', 'connect-redis']
const TITLE = 'bytes of one record in Redis'

/** What a token takes in Redis. */
export const scenario = {
  title: 'Memory in Redis',
  says: `\`MEMORY USAGE\` of all keys of 1000 users, per user: a JWT of 799 characters and a refresh token of 64.`,
  targets: [{ group: TITLE, of: 'ours-encrypted', over: 'upstream', atMost: 1 }],
  charts: [
    {
      kind: 'bars',
      file: 'benchmark-memory',
      title: 'Memory of one record in Redis: bytes',
      groups: [TITLE],
      metric: 'bytes',
    },
  ],
  run,
}

async function run(session) {
  const redis = await session.startRedis()
  const count = session.size(1_000, 50)
  const workers = await startContenders(session, redis, NAMES, count)
  const results = new Map()
  // One round: the sizes do not depend on the machine's mood.
  for (const [db, name] of NAMES.entries()) {
    const client = session.connect(placeOf(redis, db).url)
    results.set(name, [await measure(client, count)])
  }
  await endContenders(workers)
  const metrics = ['bytes', 'valueBytes']
  return { groups: [{ title: TITLE, metrics, baseline: 'upstream', results }], notes: [] }
}

async function measure(redis, count) {
  const keys = await redis.keys('*')
  const records = keys.filter((key) => !key.includes('~index:'))
  if (records.length !== count) {
    throw new Error(`${records.length} records where ${count} are expected`)
  }
  const sizes = await Promise.all(keys.map((key) => redis.memory('USAGE', key, 'SAMPLES', 0)))
  const lengths = await Promise.all(records.map((key) => redis.strlen(key)))
  return { bytes: sumOf(sizes) / count, valueBytes: sumOf(lengths) / count }
}

function sumOf(numbers) {
  return numbers.reduce((sum, number) => sum + Number(number), 0)
}
