import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { RedisOAuthDatabase, type RedisOAuthDatabaseOptions } from '../../../src/index.js'
import type { AccessToken } from '../../../src/leaves/contract.js'
import { eventually } from '../../support/eventually.js'
import { expectExpireTime } from '../../support/servers/expire-time.js'
import { type RedisServer, startRedis } from '../../support/servers/redis-server.js'

const USER = 'base:0xabc'
const URL = 'https://server.example/mcp'
const KEY = `atxp:oauth:~access:{${USER}}:${URL}`
const PKCE_KEY = `atxp:oauth:~pkce:{${USER}}:state`
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
// What a busy machine may take between a save and the look at it.
const SLACK_MS = 10_000

const VALUES = {
  codeVerifier: 'verifier',
  codeChallenge: 'challenge',
  resourceUrl: URL,
  url: URL,
}

let redis: RedisServer
let db: RedisOAuthDatabase

beforeAll(async () => {
  redis = await startRedis()
})

afterAll(() => redis?.stop())

beforeEach(async () => {
  await redis.cli('FLUSHALL')
  db = open()
})

afterEach(() => db.close())

function open(options?: RedisOAuthDatabaseOptions): RedisOAuthDatabase {
  return new RedisOAuthDatabase({ url: redis.url, ...options })
}

function token(members: Partial<AccessToken> = {}): AccessToken {
  return { accessToken: 'access', resourceUrl: URL, ...members }
}

const inSeconds = (timeMs: number) => Math.floor(timeMs / 1_000)

/** Whether Redis keeps the key for as long as that from now on. */
async function expectTtl(key: string, ms: number): Promise<void> {
  const ttl = await redis.cli<number>('PTTL', key)
  expect(ttl).toBeLessThanOrEqual(ms)
  expect(ttl).toBeGreaterThan(ms - SLACK_MS)
}

describe('an access token with a refresh token', () => {
  it.each([
    ['has no expiry', undefined],
    ['expires in an hour, in seconds', inSeconds(Date.now() + HOUR_MS)],
    ['expires in an hour, in milliseconds', Date.now() + HOUR_MS],
    ['has expired, in seconds', inSeconds(Date.now() - HOUR_MS)],
    ['has expired, in milliseconds', Date.now() - HOUR_MS],
  ])('that %s lives for 30 days', async (_title, expiresAt) => {
    const members = expiresAt === undefined ? {} : { expiresAt }
    await db.saveAccessToken(USER, URL, token({ refreshToken: 'refresh', ...members }))
    await expectTtl(KEY, 30 * DAY_MS)
  })

  it('lives for refreshTokenTtl', async () => {
    const brief = open({ refreshTokenTtl: HOUR_MS })
    await brief.saveAccessToken(USER, URL, token({ refreshToken: 'refresh' }))
    await expectTtl(KEY, HOUR_MS)
    await brief.close()
  })

  it('lives until the access token expires when that is later than refreshTokenTtl', async () => {
    const brief = open({ refreshTokenTtl: HOUR_MS })
    const expiresAt = inSeconds(Date.now() + DAY_MS)
    await brief.saveAccessToken(USER, URL, token({ refreshToken: 'refresh', expiresAt }))
    await expectTtl(KEY, DAY_MS)
    await brief.close()
  })

  it('begins its 30 days anew with each save, and not with a read', async () => {
    const saved = token({ refreshToken: 'refresh', expiresAt: Date.now() - HOUR_MS })
    await db.saveAccessToken(USER, URL, saved)
    await redis.cli('PEXPIRE', KEY, HOUR_MS)
    expect(await db.getAccessToken(USER, URL)).toEqual(saved)
    await expectTtl(KEY, HOUR_MS)
    await db.saveAccessToken(USER, URL, saved)
    await expectTtl(KEY, 30 * DAY_MS)
  })

  it('lives until its expiry once a newer record has no refresh token', async () => {
    const expiresAt = Date.now() + HOUR_MS
    await db.saveAccessToken(USER, URL, token({ refreshToken: 'refresh' }))
    await db.saveAccessToken(USER, URL, token({ expiresAt }))
    await expectExpireTime(redis, KEY, expiresAt)
  })
})

describe('an access token without refresh token', () => {
  it('lives until its expiry in milliseconds, to the millisecond', async () => {
    const expiresAt = Date.now() + HOUR_MS + 1
    await db.saveAccessToken(USER, URL, token({ expiresAt }))
    await expectExpireTime(redis, KEY, expiresAt)
  })

  it('lives until its expiry in seconds', async () => {
    const expiresAt = inSeconds(Date.now() + HOUR_MS)
    await db.saveAccessToken(USER, URL, token({ expiresAt }))
    await expectExpireTime(redis, KEY, expiresAt * 1_000)
    expect(await db.getAccessToken(USER, URL)).toEqual(token({ expiresAt }))
  })

  it.each([
    ['in seconds', inSeconds(Date.now() - HOUR_MS)],
    ['in milliseconds', Date.now() - HOUR_MS],
    ['in 1980', 315_532_800],
  ])(
    'is not kept when it has expired %s, and takes the older record with it',
    async (_title, expiresAt) => {
      await db.saveAccessToken(USER, URL, token({ refreshToken: 'refresh' }))
      await db.saveAccessToken(USER, URL, token({ expiresAt }))
      expect(await redis.cli('EXISTS', KEY)).toBe(0)
      expect(await db.getAccessToken(USER, URL)).toBeNull()
    },
  )

  it.each([
    ['the year 9999 in seconds', 253_402_300_799, 253_402_300_799_000],
    ['the year 9999 in milliseconds', 253_402_300_799_000, 253_402_300_799_000],
  ])('lives until %s', async (_title, expiresAt, ms) => {
    await db.saveAccessToken(USER, URL, token({ expiresAt }))
    await expectExpireTime(redis, KEY, ms)
    expect(await db.getAccessToken(USER, URL)).toEqual(token({ expiresAt }))
  })

  it('lives as one without expiry where 0 stands for none', async () => {
    await db.saveAccessToken(USER, URL, token({ expiresAt: 0 }))
    expect(await redis.cli('PTTL', KEY)).toBeGreaterThan(23 * HOUR_MS)
    expect(await db.getAccessToken(USER, URL)).toEqual(token({ expiresAt: 0 }))
  })

  it('is removed by Redis when it expires', async () => {
    await db.saveAccessToken(USER, URL, token({ expiresAt: Date.now() + 100 }))
    await eventually(async () => (await redis.cli('EXISTS', KEY)) === 0)
    expect(await db.getAccessToken(USER, URL)).toBeNull()
  })

  it('is null once it has expired by the clock of the reader, and stays for peers with another clock', async () => {
    const text = JSON.stringify(token({ expiresAt: Date.now() - 1 }))
    await redis.cli('SET', KEY, text)
    expect(await db.getAccessToken(USER, URL)).toBeNull()
    expect(await redis.cli('GET', KEY)).toBe(text)
  })

  it('lives for 24 hours when it has no expiry, anew with each save', async () => {
    await db.saveAccessToken(USER, URL, token())
    await expectTtl(KEY, DAY_MS)
    await redis.cli('PEXPIRE', KEY, HOUR_MS)
    await db.saveAccessToken(USER, URL, token())
    await expectTtl(KEY, DAY_MS)
  })

  it('lives for accessTokenTtl when it has no expiry', async () => {
    const brief = open({ accessTokenTtl: HOUR_MS })
    await brief.saveAccessToken(USER, URL, token())
    await expectTtl(KEY, HOUR_MS)
    await brief.close()
  })
})

describe("with expiredAccessTokens: 'drop'", () => {
  let dropping: RedisOAuthDatabase

  beforeEach(() => {
    dropping = open({ expiredAccessTokens: 'drop' })
  })

  afterEach(() => dropping.close())

  it.each([
    ['seconds', inSeconds(Date.now() - HOUR_MS)],
    ['milliseconds', Date.now() - HOUR_MS],
  ])(
    'an access token that expired in %s is null, and its refresh token stays',
    async (_unit, expiresAt) => {
      const saved = token({ refreshToken: 'refresh', expiresAt })
      await dropping.saveAccessToken(USER, URL, saved)
      expect(await dropping.getAccessToken(USER, URL)).toBeNull()
      await expectTtl(KEY, 30 * DAY_MS)
      expect(await db.getAccessToken(USER, URL)).toEqual(saved)
    },
  )

  it('an access token that has not expired is returned', async () => {
    const saved = token({ refreshToken: 'refresh', expiresAt: Date.now() + HOUR_MS })
    await dropping.saveAccessToken(USER, URL, saved)
    expect(await dropping.getAccessToken(USER, URL)).toEqual(saved)
  })
})

describe('PKCE values', () => {
  it('live for 10 minutes', async () => {
    await db.savePKCEValues(USER, 'state', VALUES)
    await expectTtl(PKCE_KEY, 600_000)
  })

  it('live for pkceTtl', async () => {
    const brief = open({ pkceTtl: 100 })
    await brief.savePKCEValues(USER, 'state', VALUES)
    await eventually(async () => (await redis.cli('EXISTS', PKCE_KEY)) === 0)
    expect(await brief.getPKCEValues(USER, 'state')).toBeNull()
    await brief.close()
  })

  it('are gone with their first read, and what a repeated command may still get is gone soon after', async () => {
    const quick = open({ commandTimeout: 500 })
    await quick.savePKCEValues(USER, 'state', VALUES)
    expect(await quick.getPKCEValues(USER, 'state')).toEqual(VALUES)
    expect(await redis.cli('EXISTS', PKCE_KEY)).toBe(0)
    expect(await quick.getPKCEValues(USER, 'state')).toBeNull()
    const consumed = PKCE_KEY.replace('~pkce', '~consumed')
    expect(await redis.cli('EXISTS', consumed)).toBe(1)
    await eventually(async () => (await redis.cli('EXISTS', consumed)) === 0, { withinMs: 3_000 })
    await quick.close()
  })

  it('can be saved again under a state that was read', async () => {
    await db.savePKCEValues(USER, 'state', VALUES)
    await db.getPKCEValues(USER, 'state')
    const next = { ...VALUES, codeVerifier: 'another' }
    await db.savePKCEValues(USER, 'state', next)
    expect(await db.getPKCEValues(USER, 'state')).toEqual(next)
    expect(await db.getPKCEValues(USER, 'state')).toBeNull()
  })

  it('stay for every reader until their time is over with singleUsePkce: false', async () => {
    const lasting = open({ singleUsePkce: false })
    await lasting.savePKCEValues(USER, 'state', VALUES)
    expect(await lasting.getPKCEValues(USER, 'state')).toEqual(VALUES)
    expect(await lasting.getPKCEValues(USER, 'state')).toEqual(VALUES)
    await expectTtl(PKCE_KEY, 600_000)
    await lasting.close()
  })
})

describe('a client registration', () => {
  it('lives until it is deleted', async () => {
    const registration = {
      clientId: 'id',
      clientSecret: 'secret',
      redirectUri: 'https://a.example',
    }
    await db.saveClientCredentials('https://auth.example', registration)
    expect(await redis.cli('PTTL', 'atxp:oauth:~client:https://auth.example')).toBe(-1)
  })
})
