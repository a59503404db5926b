import { openDatabase } from '../contenders/ours.mjs'
import { keyOf, tokenOf } from '../load/bulk-tokens.mjs'
import { placeOf } from '../load/contender-processes.mjs'
import { Worker } from '../load/worker.mjs'

const WIRE = 'ioredis, corked'
const ONE_BY_ONE = 'ioredis, one by one'
const IMPORTS = [
  ...['storeTokens', 'storeTokens, encrypted', WIRE, 'ioredis, pipelines of 5000'],
  ...[ONE_BY_ONE, 'raw socket'],
]
const BARE_EXPORT = 'SCAN 1000 and MGET 100'
const EXPORTS = ['scanTokens and getTokens', BARE_EXPORT]
const IMPORT = 'import'
const EXPORT = 'export'
const METRICS = ['perSecond', 'peakBytes']
const CHECKED = 500

/** A million tokens in and out, and the memory that it takes. */
export const scenario = {
  title: 'Import and export',
  says: `A million tokens of about 310 characters, each run in a process of its own. Peak memory includes Node itself. One by one,
only a twentieth is stored.`,
  targets: [
    { group: IMPORT, of: 'storeTokens', over: WIRE, atLeast: 0.85 },
    { group: IMPORT, of: 'storeTokens', metric: 'peakBytes', atMost: 120 },
    { group: EXPORT, of: EXPORTS[0], over: BARE_EXPORT, atLeast: 0.85 },
    { group: EXPORT, of: EXPORTS[0], metric: 'peakBytes', atMost: 120 },
  ],
  charts: [
    chart('benchmark-import', 'Tokens stored a second', IMPORT, 'perSecond'),
    chart('benchmark-import-memory', 'Peak memory of an import: megabytes', IMPORT, 'peakBytes'),
    chart('benchmark-export', 'Tokens read a second', EXPORT, 'perSecond'),
  ],
  run,
}

function chart(file, title, group, metric) {
  return { kind: 'bars', file, title, groups: [group], metric }
}

async function run(session) {
  const server = await session.startRedis()
  const place = placeOf(server, 0)
  const redis = session.connect(place.url)
  const count = session.size(1_000_000, 5_000)
  const imports = await session.alternate(
    IMPORT,
    IMPORTS,
    async (way) => {
      await redis.flushall()
      const size = way === ONE_BY_ONE ? count / 20 : count
      const measured = await runOnce('importer', { way, place, count: size })
      await verify(redis, place, way, size)
      return measured
    },
    { isWarmUpNeeded: false, maxRounds: 4 },
  )
  await redis.flushall()
  await runOnce('importer', { way: WIRE, place, count })
  const exports = await session.alternate(
    EXPORT,
    EXPORTS,
    (way) => runOnce('exporter', { way, place, count }),
    { isWarmUpNeeded: false, maxRounds: 4 },
  )
  const groups = [
    { title: IMPORT, metrics: METRICS, baseline: WIRE, results: imports },
    { title: EXPORT, metrics: METRICS, baseline: BARE_EXPORT, results: exports },
  ]
  return { groups, notes: [] }
}

async function runOnce(process, options) {
  const worker = new Worker(process)
  const measured = await worker.call('run', options)
  await worker.end()
  return measured
}

async function verify(redis, place, way, count) {
  if ((await redis.dbsize()) !== count) throw new Error(`${way} did not store ${count} tokens`)
  const db = openDatabase(place, { isEncrypted: way.endsWith('encrypted') })
  try {
    for (let index = 0; index < count; index += Math.ceil(count / CHECKED)) {
      const isRight = (await db.getToken(keyOf(index))) === tokenOf(index)
      if (!isRight) throw new Error(`${way} stored another token under ${keyOf(index)}`)
    }
  } finally {
    await db.close()
  }
}
