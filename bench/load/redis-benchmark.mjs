import { existsSync } from 'node:fs'
import { Redis } from 'ioredis'
import { expectedError } from '../../scripts/cleanup.mjs'
import { findProgram, run } from '../../scripts/command.mjs'
import { OWN_SERVER } from '../../scripts/install.mjs'
import { serverPath } from '../../scripts/servers/debian.mjs'
import { makeRecords, textOf } from './records.mjs'

const PROGRAMS = ['redis-benchmark', 'valkey-benchmark']
const MAX_PIPELINE = 64
const LIFETIME_MS = 24 * 60 * 60 * 1000

/** Redis' own load generator, or undefined: it writes no log, parses no reply and is written in C. */
export function findRedisBenchmark() {
  const unpacked = serverPath(OWN_SERVER, 'redis-benchmark')
  const found = PROGRAMS.map(findProgram).find((path) => path !== undefined)
  return found ?? (existsSync(unpacked) ? unpacked : undefined)
}

/** Runs it once; `connections` each with `pipeline` commands on their way. */
export async function runRedisBenchmark(
  port,
  { connections, pipeline, requests, range, db = 0 },
  command,
) {
  const options = { p: port, c: connections, P: pipeline, n: requests, r: range }
  const args = Object.entries(options).flatMap(([name, value]) => [`-${name}`, String(value)])
  const all = ['-h', '127.0.0.1', ...args, '--dbnum', String(db), '--csv', ...command]
  const { code, output } = await run(findRedisBenchmark(), all)
  const line = output.trim().split('\n').at(-1) ?? ''
  // Numbers in quotes, behind the command; a rate is infinite when it was done within the same millisecond.
  const numbers = [...line.matchAll(/"([\d.]+|inf)"/g)]
    .map(([, number]) => (number === 'inf' ? Number.POSITIVE_INFINITY : Number(number)))
    .slice(-7)
  if (code !== 0 || numbers.length < 7) throw expectedError(`redis-benchmark failed:\n${output}`)
  const [perSecond, , , p50Ms, , p99Ms] = numbers
  return { perSecond, p50Micros: p50Ms * 1000, p99Micros: p99Ms * 1000 }
}

/** What is left of Redis and the loopback when the client costs next to nothing. */
export class WireLimit {
  #redis
  #db
  #count
  #command
  #rates = new Map()

  constructor(redis, db, count) {
    this.#redis = redis
    this.#db = db
    this.#count = count
    const text = textOf(makeRecords(1)[0], 0)
    const key = 'limit:__rand_int__'
    this.#command = { read: ['GET', key], write: ['SET', key, text, 'PX', String(LIFETIME_MS)] }
  }

  async fill() {
    const [, , text] = this.#command.write
    await this.#withRedis(async (redis) => {
      const sets = redis.pipeline()
      for (let index = 0; index < this.#count; index += 1) {
        sets.set(`limit:${String(index).padStart(12, '0')}`, text, 'PX', LIFETIME_MS)
      }
      await sets.exec()
    })
  }

  async run({ operation, callers, ms }) {
    const misses = await this.#misses()
    const id = `${operation} ${callers}`
    const requests = Math.ceil(((this.#rates.get(id) ?? 20_000) * ms) / 1000) + callers
    const pipeline = Math.min(callers, MAX_PIPELINE)
    const options = {
      connections: callers / pipeline,
      pipeline,
      requests,
      range: this.#count,
      db: this.#db,
    }
    const measured = await runRedisBenchmark(this.#redis.port, options, this.#command[operation])
    this.#rates.set(id, measured.perSecond)
    if ((await this.#misses()) !== misses) throw new Error('redis-benchmark did not find its keys')
    return { ...measured, meanMicros: (callers / measured.perSecond) * 1_000_000 }
  }

  #misses() {
    return this.#withRedis(
      async (redis) => /keyspace_misses:(\d+)/.exec(await redis.info('stats'))[1],
    )
  }

  async #withRedis(work) {
    const redis = new Redis(this.#redis.url, { db: this.#db })
    try {
      return await work(redis)
    } finally {
      redis.disconnect()
    }
  }
}
