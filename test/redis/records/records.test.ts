import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { RedisOAuthDatabase, RedisOAuthDatabaseError } from '../../../src/index.js'
import { KeySpace } from '../../../src/record/keys.js'
import { type RedisServer, startRedis } from '../../support/servers/redis-server.js'

const USER = 'base:0xabc'
const URL = 'https://server.example/mcp'
const SECRET = 's3cr3t'
const KEYS = {
  client: 'atxp:oauth:~client:https://auth.example',
  pkce: `atxp:oauth:~pkce:{${USER}}:state`,
  access: `atxp:oauth:~access:{${USER}}:${URL}`,
}
const CLIENT = { clientId: 'id', clientSecret: SECRET, redirectUri: 'https://a.example/callback' }
const VALUES = { codeVerifier: SECRET, codeChallenge: 'c', resourceUrl: URL, url: URL }
const TOKEN = { accessToken: SECRET, refreshToken: `${SECRET}-refresh`, resourceUrl: URL }

let redis: RedisServer
let db: RedisOAuthDatabase

beforeAll(async () => {
  redis = await startRedis()
})

afterAll(() => redis?.stop())

beforeEach(async () => {
  await redis.cli('FLUSHALL')
  db = new RedisOAuthDatabase({ url: redis.url })
})

afterEach(() => db.close())

const reads = {
  client: () => db.getClientCredentials('https://auth.example'),
  pkce: () => db.getPKCEValues(USER, 'state'),
  access: () => db.getAccessToken(USER, URL),
} as const

async function errorOf(work: () => Promise<unknown>): Promise<unknown> {
  try {
    return { resolved: await work() }
  } catch (error) {
    return error
  }
}

it('records are JSON of the object as given, under the documented keys', async () => {
  const later = { scope: 'a b', nested: { list: [1, null, 'é'] } }
  await db.saveClientCredentials('https://auth.example', { ...CLIENT, ...later })
  await db.savePKCEValues(USER, 'state', { ...VALUES, ...later })
  await db.saveAccessToken(USER, URL, { ...TOKEN, ...later })
  expect(JSON.parse(await redis.cli('GET', KEYS.client))).toEqual({ ...CLIENT, ...later })
  expect(JSON.parse(await redis.cli('GET', KEYS.pkce))).toEqual({ ...VALUES, ...later })
  expect(JSON.parse(await redis.cli('GET', KEYS.access))).toEqual({ ...TOKEN, ...later })
})

it('the server saves a token under the empty URL again and again, and it stays one record', async () => {
  const record = { accessToken: SECRET, resourceUrl: '' }
  for (let request = 0; request < 3; request += 1) await db.saveAccessToken(USER, '', record)
  expect(await db.getAccessToken(USER, '')).toEqual(record)
  expect(await redis.cli('KEYS', '*~access:*')).toHaveLength(1)
})

describe('a record that cannot be read is an error and never null', () => {
  const DAMAGED = {
    'an empty string': '',
    'cut off': `{"accessToken":"${SECRET}","clientId":"${SECRET}","codeVerifier":"${SECRET}`,
    'no JSON': SECRET,
    null: 'null',
    'a number': '7',
    'a JSON string': `"${SECRET}"`,
    'an array': `["${SECRET}"]`,
    'an object without its members': `{"other":"${SECRET}"}`,
    'an object whose member is empty': '{"accessToken":"","clientId":"","codeVerifier":""}',
    'an object whose member is no string': '{"accessToken":7,"clientId":7,"codeVerifier":7}',
  }
  const kinds = Object.keys(KEYS) as (keyof typeof KEYS)[]
  const cases = kinds.flatMap((kind) =>
    Object.entries(DAMAGED).map(([what, text]) => ({ kind, what, text })),
  )

  it.each(cases)('$kind: $what', async ({ kind, text }) => {
    await redis.cli('SET', KEYS[kind], text)
    const error = await errorOf(reads[kind])
    expect(error).toBeInstanceOf(RedisOAuthDatabaseError)
    expect(error).toMatchObject({ code: 'UNREADABLE_RECORD' })
    expect(`${error} ${JSON.stringify(error)} ${(error as Error).cause}`).not.toContain(SECRET)
  })

  it('an access token whose expiry is no number', async () => {
    await redis.cli('SET', KEYS.access, JSON.stringify({ ...TOKEN, expiresAt: 'tomorrow' }))
    expect(await errorOf(reads.access)).toMatchObject({ code: 'UNREADABLE_RECORD' })
  })

  it.each(kinds)('%s: another Redis type', async (kind) => {
    await redis.cli('RPUSH', KEYS[kind], SECRET)
    const error = await errorOf(reads[kind])
    expect(error).toMatchObject({ code: 'WRONG_TYPE' })
    expect(`${error}`).not.toContain(SECRET)
    expect(await redis.cli('LRANGE', KEYS[kind], 0, -1)).toEqual([SECRET])
  })

  it('and it stays as it is, until it is saved anew', async () => {
    await redis.cli('SET', KEYS.access, '{')
    await errorOf(reads.access)
    expect(await redis.cli('GET', KEYS.access)).toBe('{')
    await db.saveAccessToken(USER, URL, TOKEN)
    expect(await reads.access()).toEqual(TOKEN)
  })
})

describe('what is no record is refused with the name of the argument, and nothing is written', () => {
  const lone = 'a\ud800'
  const cases: [title: string, message: string, work: () => Promise<unknown>][] = [
    ['userId', 'userId must be a string, not number', () => db.getAccessToken(7 as never, URL)],
    ['userId', 'userId must be a string, not undefined', () => db.deleteUser(undefined as never)],
    ['userId', 'userId must not have a lone surrogate', () => db.saveAccessToken(lone, URL, TOKEN)],
    ['userId', 'userId must not have a lone surrogate', () => db.listAccessTokens(lone)],
    ['url', 'url must not have a lone surrogate', () => db.saveAccessToken(USER, lone, TOKEN)],
    ['url', 'url must be a string, not object', () => db.getAccessToken(USER, null as never)],
    ['state', 'state must not have a lone surrogate', () => db.savePKCEValues(USER, lone, VALUES)],
    [
      'state',
      'state must be a string, not undefined',
      () => db.getPKCEValues(USER, undefined as never),
    ],
    [
      'serverUrl',
      'serverUrl must not have a lone surrogate',
      () => db.saveClientCredentials(lone, CLIENT),
    ],
    [
      'token',
      'token.accessToken must be a non-empty string',
      () => db.saveAccessToken(USER, URL, { ...TOKEN, accessToken: '' }),
    ],
    [
      'token',
      'token must be an object of access token',
      () => db.saveAccessToken(USER, URL, null as never),
    ],
    [
      'token',
      'token.expiresAt must be a finite number, in seconds or milliseconds, or left out',
      () => db.saveAccessToken(USER, URL, { ...TOKEN, expiresAt: Number.NaN }),
    ],
    [
      'token',
      'token.expiresAt must be a Unix time in seconds or milliseconds, and 3600 is a span: add it to the present time',
      () => db.saveAccessToken(USER, URL, { ...TOKEN, expiresAt: 3_600 }),
    ],
    [
      'credentials',
      'credentials.clientId must be a non-empty string',
      () => db.saveClientCredentials('https://auth.example', {} as never),
    ],
    [
      'values',
      'values.codeVerifier must be a non-empty string',
      () => db.savePKCEValues(USER, 'state', { ...VALUES, codeVerifier: undefined as never }),
    ],
  ]

  it.each(cases)('%s: %s', async (_argument, message, work) => {
    const error = await errorOf(work)
    expect(error).toBeInstanceOf(TypeError)
    expect((error as Error).message).toBe(message)
    expect(await redis.cli('DBSIZE')).toBe(0)
  })
})

/** Text full of what means something in a key name, a pattern or a hash tag, and of letters that look the same. */
const awkward = fc.oneof(
  fc.string({ unit: fc.constantFrom(...':{}%~*?[]\\', 'a', '\u00e9', 'e\u0301'), maxLength: 4 }),
  fc.string({ unit: 'binary', maxLength: 4 }),
)

it('no two different users and URLs meet in one key of Redis', async () => {
  const pairs = fc.uniqueArray(fc.tuple(awkward, awkward), {
    minLength: 2,
    maxLength: 30,
    selector: (pair) => JSON.stringify(pair),
  })
  await fc.assert(
    fc.asyncProperty(pairs, async (named) => {
      await redis.cli('FLUSHALL')
      await Promise.all(
        named.map(([user, url], i) =>
          db.saveAccessToken(user, url, { accessToken: `${i}`, resourceUrl: '' }),
        ),
      )
      const read = await Promise.all(named.map(([user, url]) => db.getAccessToken(user, url)))
      expect(read.map((token) => token?.accessToken)).toEqual(named.map((_, i) => `${i}`))
      expect(await redis.cli('KEYS', '*~access:*')).toHaveLength(named.length)
      const users = new Set(named.map(([user]) => user))
      expect(await redis.cli('KEYS', '*~index:*')).toHaveLength(users.size)
    }),
    { numRuns: 100 },
  )
})

it('all records of a user share a hash slot of Redis Cluster', async () => {
  // It says which slot a key has, although it serves none.
  const node = await startRedis({ config: { 'cluster-enabled': 'yes' } })
  const prefixes = fc.constantFrom('atxp:oauth:', '', '{fleet}:', 'a}b:')
  try {
    await fc.assert(
      fc.asyncProperty(prefixes, awkward, awkward, awkward, async (prefix, user, url, state) => {
        const keys = new KeySpace(prefix)
        const names = [
          keys.of('access', user, url).redisKey,
          keys.of('access', user, '').redisKey,
          keys.of('pkce', user, state).redisKey,
          keys.of('consumed', user, state).redisKey,
          keys.of('index', user).redisKey,
        ]
        const slots = await Promise.all(names.map((name) => node.cli('CLUSTER', 'KEYSLOT', name)))
        expect(new Set(slots).size).toBe(1)
      }),
      { numRuns: 300 },
    )
  } finally {
    await node.stop()
  }
})
