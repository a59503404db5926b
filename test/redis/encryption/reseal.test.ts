import { randomBytes } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Redis } from 'ioredis'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  RedisOAuthDatabase,
  type RedisOAuthDatabaseOptions,
  type ResealProgress,
} from '../../../src/index.js'
import { formOf } from '../../support/encryption/encryption-places.js'
import { openDatabase, startServer } from '../../support/scene.js'
import { bareClient } from '../../support/servers/bare-client.js'

const A = { id: 'a', key: randomBytes(32) }
const B = { id: 'b', key: randomBytes(32) }
const LOST = { id: 'lost', key: randomBytes(32) }

const PLAIN: RedisOAuthDatabaseOptions = {}
const under = (...keys: (typeof A)[]): RedisOAuthDatabaseOptions => ({ encryption: { keys } })
const ACCEPTING = { encryption: { keys: [A], acceptPlaintext: true } }

describe('reseal', () => {
  async function start(): Promise<{
    redis: Redis
    open(options: RedisOAuthDatabaseOptions): RedisOAuthDatabase
  }> {
    const { url, path } = await startServer()
    return {
      redis: bareClient({ path }),
      open: (options) => openDatabase({ url, ...options, commandTimeout: 10_000 }),
    }
  }

  const tokens = (count: number, length = 20) =>
    Array.from({ length: count }, (_, i) => ({ key: `${i}`, token: `${i}`.padEnd(length, '-') }))

  async function formsOf(redis: Redis): Promise<Record<string, number>> {
    const values = await redis.mgetBuffer(await redis.keys('*'))
    const forms: Record<string, number> = {}
    for (const form of values.map(formOf)) forms[form] = (forms[form] ?? 0) + 1
    return forms
  }

  it('loses no write, and brings back nothing that was deleted, beside writers', async () => {
    const { open } = await start()
    // Writers that are a step behind, so that there is always something to reseal.
    const writer = open(under(A, B))
    const resealing = open(under(B, A))
    const keys = Array.from({ length: 200 }, (_, i) => `${i}`)
    let isDone = false
    const write = async (key: string): Promise<number> => {
      let round = 0
      while (!isDone) {
        round += 1
        await writer.storeToken(key, `${round}`)
        expect(await writer.getToken(key)).toBe(`${round}`)
        if (round % 3 > 0) continue
        await writer.deleteToken(key)
        expect(await writer.getToken(key)).toBeNull()
      }
      return round
    }
    const writing = Promise.all(keys.map(write))
    let resealed = 0
    while (resealed < 3_000) resealed += (await resealing.reseal()).resealed
    isDone = true
    const rounds = await writing
    expect(rounds.every((round) => round > 3)).toBe(true)
    const last = await resealing.getTokens(keys)
    for (const [index, round] of rounds.entries()) {
      expect([index, last.get(`${index}`)]).toEqual([index, round % 3 > 0 ? `${round}` : undefined])
    }
  })

  it('may run twice at once', async () => {
    const { redis, open } = await start()
    await open(under(A)).storeTokens(tokens(2_000))
    const both = await Promise.all([open(under(B, A)).reseal(), open(under(B, A)).reseal()])
    expect(both[0].resealed + both[1].resealed).toBe(2_000)
    expect(await formsOf(redis)).toEqual({ b: 2_000 })
  })

  it('tells its progress and keeps no more than a step of 20000 records in memory', async () => {
    const { redis, open } = await start()
    await open(under(A)).storeTokens(tokens(20_000, 3_000))
    const db = open(under(B, A))
    const progress: ResealProgress[] = []
    const memory: number[] = []
    const total = await db.reseal({
      onProgress: (now) => {
        progress.push(now)
        memory.push(retainedBytes())
      },
    })
    expect(total).toMatchObject({ resealed: 20_000, unreadable: 0, foreign: 0 })
    expect(progress.at(-1)).toEqual(total)
    expect(progress.length).toBeGreaterThan(15)
    const steps = progress.slice(1).map(({ seen }, index) => seen - (progress[index]?.seen ?? 0))
    expect(Math.max(...steps)).toBeLessThan(3_000)
    // All of them are 60 MB. After the first steps nothing is added to what the memo of opened records holds.
    const [, early = 0, ...later] = memory
    expect(Math.max(...later) - early).toBeLessThan(20_000_000)
    expect(await formsOf(redis)).toEqual({ b: 20_000 })
  }, 60_000)

  it('ends between two steps when its signal aborts, and goes on where it ended', async () => {
    const { redis, open } = await start()
    await open(under(A)).storeTokens(tokens(5_000))
    const db = open(under(B, A))
    const abort = new AbortController()
    let done = 0
    const first = db.reseal({
      signal: abort.signal,
      onProgress: ({ resealed }) => {
        done = resealed
        if (resealed > 1_000) abort.abort()
      },
    })
    await expect(first).rejects.toMatchObject({ code: 'ABORTED' })
    expect(done).toBeLessThan(5_000)
    expect(await formsOf(redis)).toEqual({ a: 5_000 - done, b: done })
    expect(await db.reseal()).toMatchObject({ resealed: 5_000 - done, unreadable: 0, foreign: 0 })
    expect(await formsOf(redis)).toEqual({ b: 5_000 })
  })

  it('does nothing when its signal has aborted before', async () => {
    const { redis, open } = await start()
    await open(under(A)).storeTokens(tokens(10))
    const aborted = open(under(B, A)).reseal({ signal: AbortSignal.abort() })
    await expect(aborted).rejects.toMatchObject({ code: 'ABORTED' })
    expect(await formsOf(redis)).toEqual({ a: 10 })
  })

  it('counts what it cannot open and leaves it as it is', async () => {
    const { redis, open } = await start()
    await open(under(A)).storeTokens(tokens(10))
    await open(under(LOST)).storeToken('under a lost key', 'secret')
    await open(PLAIN).storeToken('plain', 'secret')
    await redis.copy('atxp:oauth:1', 'atxp:oauth:moved')
    await redis.set(
      'atxp:oauth:cut',
      (await redis.getBuffer('atxp:oauth:1'))?.subarray(0, 20) ?? '',
    )
    const unreadable = ['under a lost key', 'plain', 'moved', 'cut'].map(
      (key) => `atxp:oauth:${key}`,
    )
    const before = await redis.mgetBuffer(unreadable)
    const db = open(under(B, A))
    expect(await db.reseal()).toEqual({ seen: 14, resealed: 10, unreadable: 4, foreign: 0 })
    expect(await redis.mgetBuffer(unreadable)).toEqual(before)
    expect(await db.reseal()).toEqual({ seen: 14, resealed: 0, unreadable: 4, foreign: 0 })
  })

  it('leaves alone what is no record, and what is under another prefix', async () => {
    const { redis, open } = await start()
    await open({ ...PLAIN, keyPrefix: 'other:' }).storeToken('a', 'secret')
    await redis.set('atxp:oauth:~lease:abc', 'owner')
    await redis.set('atxp:oauth:~refused:abc', '')
    await redis.hset('atxp:oauth:hash', 'field', 'value')
    const db = open(ACCEPTING)
    expect(await db.reseal()).toEqual({ seen: 0, resealed: 0, unreadable: 0, foreign: 0 })
    expect(await redis.get('other:a')).toBe('secret')
    expect(await redis.get('atxp:oauth:~lease:abc')).toBe('owner')
  })

  it('ends with SEALING_FAILED when a key service fails, and goes on when it is well again', async () => {
    const { redis, open } = await start()
    await open(PLAIN).storeTokens(tokens(100))
    let isWell = false
    let sealed = 0
    const db = open({
      encryption: {
        acceptPlaintext: true,
        async seal(plaintext) {
          sealed += 1
          if (!isWell && sealed > 50) throw new Error(`cannot seal ${plaintext.toString()}`)
          return plaintext
        },
        open: (bytes) => bytes,
      },
    })
    await expect(db.reseal()).rejects.toMatchObject({ code: 'SEALING_FAILED' })
    isWell = true
    await db.reseal()
    expect(await redis.mgetBuffer(await redis.keys('*'))).toSatisfy((values: Buffer[]) =>
      values.every((value) => value[0] === 0xfb),
    )
  })

  it('refuses to begin without encryption', async () => {
    const db = new RedisOAuthDatabase()
    onTestFinished(() => db.close())
    await expect(db.reseal()).rejects.toThrow(new TypeError('reseal needs options.encryption'))
  })
})

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** What is held in memory once all is dropped that can be. */
function retainedBytes(): number {
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
