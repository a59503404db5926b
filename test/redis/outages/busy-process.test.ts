import { afterAll, beforeAll, expect, it } from 'vitest'
import { RedisOAuthDatabase, StoreTokensError } from '../../../src/index.js'
import { type RedisServer, startRedis } from '../../support/servers/redis-server.js'

let redis: RedisServer
let db: RedisOAuthDatabase

beforeAll(async () => {
  redis = await startRedis()
  db = new RedisOAuthDatabase({ host: redis.host, port: redis.port, commandTimeout: 300 })
  await db.storeToken('a', 'token')
})

afterAll(async () => {
  await db.close()
  await redis.stop()
})

it('an answer that came while this process was busy for longer than commandTimeout counts', async () => {
  const reading = db.getToken('a')
  await new Promise((resolve) => setImmediate(resolve))
  const until = performance.now() + 800
  while (performance.now() < until);
  expect(await reading).toBe('token')
})

it('reads and deletes far more keys than can be on their way at once', async () => {
  const keys = Array.from({ length: 50_000 }, (_, index) => `many-${index}`)
  const slow = new RedisOAuthDatabase({ host: redis.host, port: redis.port })
  await slow.storeTokens(keys.map((key) => ({ key, token: 'token' })))
  const found = await slow.getTokens(keys)
  expect(found.size).toBe(keys.length)
  expect(await slow.deleteTokens(keys)).toBe(keys.length)
  await slow.close()
})

it('an entry that throws when it is read ends the import like any other that is not valid', async () => {
  const entry = {
    get key(): string {
      throw new Error('no key')
    },
    token: 'token',
  }
  const error = await db.storeTokens([entry]).then(Object, Object)
  expect(error).toBeInstanceOf(StoreTokensError)
  expect(error).toMatchObject({ code: 'INVALID_ENTRY', attempted: 1, stored: 0 })
})

it('options of an import that are not what they should be are named', async () => {
  await expect(db.storeTokens([], null as never)).rejects.toThrow('options must be an object')
  await expect(db.storeTokens([], { onProgress: 5 as never })).rejects.toThrow('options.onProgress')
  await expect(db.storeTokens([], { signal: 5 as never })).rejects.toThrow('options.signal')
})
