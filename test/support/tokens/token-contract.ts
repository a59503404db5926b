import { runInNewContext } from 'node:vm'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { RedisOAuthDatabase, RedisOAuthDatabaseError, type TokenEntry } from '../../../src/index.js'
import { eventually } from '../eventually.js'
import { expectExpireTime } from '../servers/expire-time.js'
import { type RunningTopology, TEST_PREFIX, type Topology } from '../servers/topologies.js'

const HOUR_MS = 3_600_000

/** What the token API promises, on whichever Redis. */
export function describeTokenContract(topology: Topology): void {
  describe(`the token API on ${topology.name}`, () => {
    let redis: RunningTopology
    let prefix: string
    let db: RedisOAuthDatabase
    let tests = 0

    beforeAll(async () => {
      redis = await topology.start()
    })

    afterAll(async () => {
      await redis?.stop()
    })

    beforeEach(() => {
      tests += 1
      prefix = `${TEST_PREFIX}${tests}:`
      db = new RedisOAuthDatabase({ ...redis.options, keyPrefix: prefix })
    })

    afterEach(async () => {
      await db.close()
    })

    const inRedis = (key: string) => redis.cli<string | null>('GET', prefix + key)

    async function collect(tokens: AsyncIterable<string>): Promise<string[]> {
      const found: string[] = []
      for await (const key of tokens) found.push(key)
      return found.sort()
    }

    it('stores a token as the plain string at prefix + key, for ever', async () => {
      expect(await db.storeToken('user_123', 'oauth token: é 💡')).toBeUndefined()
      expect(await inRedis('user_123')).toBe('oauth token: é 💡')
      expect(await redis.cli('PTTL', `${prefix}user_123`)).toBe(-1)
      expect(await db.getToken('user_123')).toBe('oauth token: é 💡')
    })

    it('returns null for a token that is not there', async () => {
      expect(await db.getToken('user_123')).toBeNull()
      expect(await db.hasToken('user_123')).toBe(false)
      expect(await db.getTokenExpiry('user_123')).toBeNull()
    })

    it('replaces a token', async () => {
      await db.storeToken('user_123', 'one')
      await db.storeToken('user_123', 'two')
      expect(await db.getToken('user_123')).toBe('two')
    })

    it('deletes a token, true only if it removed something', async () => {
      await db.storeToken('user_123', 'one')
      expect(await db.hasToken('user_123')).toBe(true)
      expect(await db.deleteToken('user_123')).toBe(true)
      expect(await db.hasToken('user_123')).toBe(false)
      expect(await db.deleteToken('user_123')).toBe(false)
      expect(await inRedis('user_123')).toBeNull()
    })

    it('has Redis remove a token at expiresAt, to the millisecond', async () => {
      const expiresAt = new Date(Date.now() + HOUR_MS + 123)
      await db.storeToken('user_123', 'one', expiresAt)
      await expectExpireTime(redis, `${prefix}user_123`, expiresAt.getTime())
      expect(await db.getTokenExpiry('user_123')).toEqual(expiresAt)
    })

    it('has no token any more once it has expired', async () => {
      await db.storeToken('user_123', 'one', new Date(Date.now() + 60))
      await eventually(async () => (await db.getToken('user_123')) === null)
      expect(await db.hasToken('user_123')).toBe(false)
      expect(await db.listTokens()).toEqual([])
      expect(await redis.cli('EXISTS', `${prefix}user_123`)).toBe(0)
    })

    it.each([
      ['a moment ago', () => new Date(Date.now() - 1)],
      ['long ago', () => new Date(0)],
      ['before 1970', () => new Date(-1)],
    ])(
      'leaves nothing behind when the token expired %s, and removes an older one',
      async (_when, time) => {
        await db.storeToken('user_123', 'old')
        await db.storeToken('user_123', 'new', time())
        expect(await redis.cli('EXISTS', `${prefix}user_123`)).toBe(0)
        await db.storeToken('user_456', 'new', time())
        expect(await redis.cli('EXISTS', `${prefix}user_456`)).toBe(0)
        expect(await db.getToken('user_123')).toBeNull()
      },
    )

    it.each([undefined, null])(
      'clears an earlier expiry when it stores again with %s as the expiry',
      async (never) => {
        await db.storeToken('user_123', 'one', new Date(Date.now() + HOUR_MS))
        await db.storeToken('user_123', 'two', never)
        expect(await redis.cli('PTTL', `${prefix}user_123`)).toBe(-1)
        expect(await db.getTokenExpiry('user_123')).toBe('never')
      },
    )

    it('takes a Date of another realm, as in the sandbox of a test runner', async () => {
      const expiresAt = new Date(Date.now() + HOUR_MS)
      const foreign = runInNewContext('new Date(time)', { time: expiresAt.getTime() })
      expect(foreign).not.toBeInstanceOf(Date)
      await db.storeToken('user_123', 'one', foreign)
      expect(await db.getTokenExpiry('user_123')).toEqual(expiresAt)
    })

    it('refuses an invalid Date, and leaves what was there', async () => {
      await db.storeToken('user_123', 'one')
      for (const bad of [new Date(Number.NaN), Date.now(), '2040-01-01', '', 0]) {
        const work = db.storeToken('user_123', 'two', bad as Date)
        await expect(work).rejects.toThrow(/^expiresAt must be a valid Date/)
        await expect(work).rejects.toBeInstanceOf(TypeError)
      }
      expect(await db.getToken('user_123')).toBe('one')
    })

    it('refuses a key that is no string, empty or ill-formed with a TypeError, in every method', async () => {
      for (const bad of ['', 'a\ud800', undefined, 7] as string[]) {
        for (const work of [
          db.storeToken(bad, 'one'),
          db.getToken(bad),
          db.deleteToken(bad),
          db.hasToken(bad),
          db.getTokenExpiry(bad),
          db.getTokens(['a', bad]),
          db.deleteTokens(['a', bad]),
        ]) {
          await expect(work).rejects.toThrow(TypeError)
          await expect(work).rejects.toThrow(/^key must/)
        }
      }
    })

    it('refuses a token that is no string, empty or ill-formed with a TypeError', async () => {
      for (const bad of ['', 'a\ud800', undefined, 7, { token: 'a' }] as string[]) {
        await expect(db.storeToken('user_123', bad)).rejects.toThrow(TypeError)
        await expect(db.storeToken('user_123', bad)).rejects.toThrow(/^token must/)
      }
      expect(await db.hasToken('user_123')).toBe(false)
    })

    it('lists every token once, with the prefix removed, ready for getToken', async () => {
      const keys = [
        'user_123',
        'a:b',
        '~tilde',
        '~client:x',
        '*',
        'é💡',
        ' ',
        'a\nb',
        '{x}y',
        'a{}{b}',
        'c{}{b}',
      ].sort()
      await Promise.all(keys.map((key) => db.storeToken(key, `token of ${key}`)))
      expect((await db.listTokens()).sort()).toEqual(keys)
      expect(await collect(db.scanTokens())).toEqual(keys)
      for (const key of keys) expect(await db.getToken(key)).toBe(`token of ${key}`)
      const found = await db.getTokens(await db.listTokens())
      expect([...found.keys()].sort()).toEqual(keys)
    })

    it('lists none of another prefix, of another type or of another kind of record', async () => {
      await db.storeToken('user_123', 'one')
      await redis.cli('SET', `${TEST_PREFIX}other:user_456`, 'stranger')
      await redis.cli('SADD', `${prefix}set`, 'member')
      await redis.cli('HSET', `${prefix}hash`, 'field', 'value')
      await redis.cli('SET', prefix, 'no key')
      await redis.cli('SET', `${prefix}~client:https://example.com`, '{}')
      await db.saveClientCredentials('https://example.com', {
        clientId: 'id',
        clientSecret: 'secret',
        redirectUri: 'https://example.com/callback',
      })
      expect(await db.listTokens()).toEqual(['user_123'])
      expect(await collect(db.scanTokens())).toEqual(['user_123'])
    })

    it('stores many, gets many and deletes many', async () => {
      const expiresAt = new Date(Date.now() + HOUR_MS)
      async function* source(): AsyncGenerator<TokenEntry> {
        for (let i = 0; i < 1_500; i += 1) {
          yield { key: `user_${i}`, token: `token ${i}`, ...(i % 2 === 1 && { expiresAt }) }
        }
      }
      expect(await db.storeTokens(source())).toEqual({ stored: 1_500 })
      expect(await inRedis('user_42')).toBe('token 42')
      expect(await db.getTokenExpiry('user_42')).toBe('never')
      expect(await db.getTokenExpiry('user_43')).toEqual(expiresAt)
      expect(await db.listTokens()).toHaveLength(1_500)

      const found = await db.getTokens(new Set(['user_1499', 'nobody', 'user_0', 'user_0']))
      expect(found).toEqual(
        new Map([
          ['user_1499', 'token 1499'],
          ['user_0', 'token 0'],
        ]),
      )
      expect(await db.getTokens([])).toEqual(new Map())

      expect(await db.deleteTokens(['user_0', 'nobody', 'user_1', 'user_1'])).toBe(2)
      expect(await db.deleteTokens([])).toBe(0)
      expect(await db.deleteTokens(await db.listTokens())).toBe(1_498)
      expect(await redis.keys(`${prefix}*`)).toEqual([])
    })

    it('refuses what is no iterable, and one string as keys, with a TypeError', async () => {
      for (const bad of [undefined, null, 7, {}, 'user_123'] as unknown as string[][]) {
        await expect(db.getTokens(bad)).rejects.toThrow(TypeError)
        await expect(db.deleteTokens(bad)).rejects.toThrow(/^keys must be an iterable/)
      }
      for (const bad of [undefined, null, 7, {}, 'user_123'] as unknown as TokenEntry[][]) {
        await expect(db.storeTokens(bad)).rejects.toThrow(/^entries must be an iterable/)
      }
    })

    it('sends commands in the order of the calls, so that a read sees an unawaited write', async () => {
      const writes: Promise<unknown>[] = []
      const reads: Promise<string | null>[] = []
      for (let i = 0; i < 200; i += 1) {
        writes.push(db.storeToken('user_123', `token ${i}`))
        reads.push(db.getToken('user_123'))
        writes.push(db.deleteToken('user_123'))
        reads.push(db.getToken('user_123'))
      }
      const expected = Array.from({ length: 200 }, (_, i) => [`token ${i}`, null]).flat()
      expect(await Promise.all(reads)).toEqual(expected)
      await Promise.all(writes)
    })

    it('answers ping', async () => {
      expect(await db.ping()).toBeUndefined()
    })

    it('rejects every call after close with CLOSED', async () => {
      await db.storeToken('user_123', 'one')
      await db.close()
      for (const work of [
        db.storeToken('a', 'one'),
        db.getToken('a'),
        db.deleteToken('a'),
        db.hasToken('a'),
        db.listTokens(),
        collect(db.scanTokens()),
        db.storeTokens([]),
        db.getTokens([]),
        db.deleteTokens([]),
        db.getTokenExpiry('a'),
        db.ping(),
      ]) {
        await expect(work).rejects.toBeInstanceOf(RedisOAuthDatabaseError)
        await expect(work).rejects.toMatchObject({ code: 'CLOSED' })
      }
      expect(await inRedis('user_123')).toBe('one')
    })
  })
}
