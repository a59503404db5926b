// Reads all tokens in one of several ways, once.
import { performance } from 'node:perf_hooks'
import { Redis } from 'ioredis'
import { serve } from '../../test/support/processes/process-child.mjs'
import { openDatabase } from '../contenders/ours.mjs'
import { belongsTo, PREFIX } from '../load/bulk-tokens.mjs'

const READ_AT_ONCE = 500
const MGET_KEYS = 100

process.on('disconnect', () => process.exit())

serve({
  async run({ way, place, count }) {
    const begin = performance.now()
    let found = 0
    for await (const [key, token] of WAYS[way](place)) {
      if (!belongsTo(key, token)) throw new Error(`${way} gave a wrong answer: another's token`)
      found += 1
    }
    const seconds = (performance.now() - begin) / 1000
    if (found !== count) throw new Error(`${way} gave a wrong answer: ${found} of ${count} tokens`)
    return { perSecond: count / seconds, peakBytes: process.resourceUsage().maxRSS * 1024 }
  },
})

const WAYS = {
  'scanTokens and getTokens': ours,
  'SCAN 1000 and MGET 100': bare,
}

// As docs/migration.md has it.
async function* ours(place) {
  const db = openDatabase(place)
  let keys = []
  let reading = db.getTokens([])
  for await (const key of db.scanTokens()) {
    if (keys.push(key) < READ_AT_ONCE) continue
    const next = db.getTokens(keys)
    keys = []
    yield* await reading
    reading = next
  }
  yield* await reading
  yield* await db.getTokens(keys)
  await db.close()
}

async function* bare({ url }) {
  const redis = new Redis(url)
  let cursor = '0'
  do {
    const [next, keys] = await redis.scan(cursor, 'MATCH', `${PREFIX}*`, 'COUNT', 1_000)
    const chunks = []
    for (let first = 0; first < keys.length; first += MGET_KEYS) {
      chunks.push(keys.slice(first, first + MGET_KEYS))
    }
    const tokens = (await Promise.all(chunks.map((chunk) => redis.mget(chunk)))).flat()
    for (const [index, key] of keys.entries()) yield [key.slice(PREFIX.length), tokens[index]]
    cursor = next
  } while (cursor !== '0')
  redis.disconnect()
}
