// Lists all tokens of a database in one of several ways.
import { performance } from 'node:perf_hooks'
import { createClient } from '@keyv/redis'
import { RedisStore } from 'connect-redis'
import { Redis } from 'ioredis'
import { serve } from '../../test/support/processes/process-child.mjs'
import { openDatabase } from '../contenders/ours.mjs'

const PREFIX = 'atxp:oauth:'

let db
let redis
let nodeRedis
let expected

process.on('disconnect', () => process.exit())

serve({
  async open({ place, count }) {
    expected = count
    db = openDatabase(place)
    redis = new Redis(place.url)
    nodeRedis = createClient({ url: place.url })
    await nodeRedis.connect()
  },

  async list(way) {
    const begin = performance.now()
    const keys = await WAYS[way]()
    const seconds = (performance.now() - begin) / 1000
    check(way, keys)
    return { seconds }
  },

  async close() {
    await db.close()
    redis.disconnect()
    nodeRedis.destroy()
  },
})

const WAYS = {
  listTokens: () => db.listTokens(),
  scanTokens: async () => {
    const keys = []
    for await (const key of db.scanTokens()) keys.push(key)
    return keys
  },
  'SCAN COUNT 1000': () => scan(1_000),
  'SCAN COUNT 1000 TYPE string': () => scan(1_000, 'TYPE', 'string'),
  'SCAN COUNT 10000': () => scan(10_000),
  KEYS: async () => withoutPrefix(await redis.keys(`${PREFIX}*`)),
  'connect-redis ids': () => new RedisStore({ client: nodeRedis, prefix: PREFIX }).ids(),
}

async function scan(count, ...filter) {
  const keys = []
  let cursor = '0'
  do {
    const options = ['MATCH', `${PREFIX}*`, 'COUNT', count, ...filter]
    const [next, found] = await redis.scan(cursor, ...options)
    for (const key of found) keys.push(key.slice(PREFIX.length))
    cursor = next
  } while (cursor !== '0')
  return keys
}

function withoutPrefix(keys) {
  return keys.map((key) => key.slice(PREFIX.length))
}

function check(way, keys) {
  const distinct = new Set(keys)
  const isWhole = distinct.size === expected && distinct.has('0') && distinct.has(`${expected - 1}`)
  if (!isWhole) {
    throw new Error(`${way} gave a wrong answer: ${distinct.size} of ${expected} keys`)
  }
}
