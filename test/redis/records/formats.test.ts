import { randomBytes } from 'node:crypto'
import type { Redis } from 'ioredis'
import { beforeEach, describe, expect, it } from 'vitest'
import { sessions } from '../../../src/admin.js'
import { fingerprint } from '../../../src/flight/fingerprint.js'
import type { RedisOAuthDatabase, RedisOAuthDatabaseOptions } from '../../../src/index.js'
import { restNameOf } from '../../../src/oauth/refresh/rests.js'
import { discovering } from '../../support/oauth/discovery.js'
import { openDatabase, startServer } from '../../support/scene.js'
import { bareClient } from '../../support/servers/bare-client.js'
import type { RedisServer } from '../../support/servers/redis-server.js'

// What a newer version of this library may leave in a Redis that this one serves too: docs/operations.md has the rule.

const P = 'atxp:oauth:'
const URL = 'https://server.example/mcp'
const ISSUER = 'https://auth.example'
const TOKEN = { accessToken: 'a', refreshToken: 'r', resourceUrl: URL }
const VALUES = { codeVerifier: 'v', codeChallenge: 'c', resourceUrl: URL, url: URL }
const CLIENT = { clientId: 'c', clientSecret: 's', redirectUri: URL }

let server: RedisServer
let redis: Redis

beforeEach(async () => {
  server = await startServer()
  redis = bareClient({ path: server.path })
})

const open = (options: RedisOAuthDatabaseOptions = {}) =>
  openDatabase({ url: server.url, ...options })

type Read = (db: RedisOAuthDatabase) => Promise<unknown>

const READS: readonly [kind: string, key: string, read: Read][] = [
  ['token', `${P}key`, (db) => db.getToken('key')],
  ['token among others', `${P}key`, (db) => db.getTokens(['key'])],
  ['access', `${P}~access:{user}:${URL}`, (db) => db.getAccessToken('user', URL)],
  ['client', `${P}~client:${ISSUER}`, (db) => db.getClientCredentials(ISSUER)],
  [
    'resource',
    `${P}~resource:${ISSUER}`,
    (db) => db.forResourceServer().getClientCredentials(ISSUER),
  ],
  ['pkce', `${P}~pkce:{user}:state`, (db) => db.getPKCEValues('user', 'state')],
]

async function saveAll(db: RedisOAuthDatabase): Promise<void> {
  await db.storeToken('key', 'token')
  await db.saveAccessToken('user', URL, TOKEN)
  await db.saveClientCredentials(ISSUER, CLIENT)
  await db.forResourceServer().saveClientCredentials(ISSUER, CLIENT)
  await db.savePKCEValues('user', 'state', VALUES)
}

/** Every first byte that no text has, whatever the newer version makes of what follows. */
const NEWER_BYTES = [0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff].map((first) =>
  Buffer.from([first, 2, 1, 0x61, 0x7b, 0x7d, ...Array(40).fill(first)]),
)

describe.each([
  ['without encryption', () => ({ singleUsePkce: false })],
  ['with encryption', () => ({ encryption: { keys: [{ id: 'a', key: randomBytes(32) }] } })],
])('a record of a newer format is unreadable, and stays as it is, %s:', (_, options) => {
  // Plain PKCE values that are read once are gone: the one round trip of it opens nothing.
  it.each(READS)('%s', async (_kind, key, read) => {
    const db = open(options())
    for (const bytes of NEWER_BYTES) {
      await redis.set(key, bytes)
      await expect(read(db)).rejects.toMatchObject({ code: 'UNREADABLE_RECORD' })
      expect(await redis.getBuffer(key)).toEqual(bytes)
    }
  })
})

it('a sealed record of a newer version of the envelope is unreadable, and reseal() leaves it', async () => {
  const db = open({ encryption: { keys: [{ id: 'a', key: randomBytes(32) }] } })
  await saveAll(db)
  for (const [, key, read] of READS) {
    await redis.setrange(key, 1, Buffer.from([2]))
    const before = await redis.getBuffer(key)
    await expect(read(db)).rejects.toMatchObject({ code: 'UNREADABLE_RECORD' })
    expect(await redis.getBuffer(key)).toEqual(before)
  }
  expect(await db.reseal()).toMatchObject({ resealed: 0, unreadable: READS.length - 1 })
})

it.each([
  ['of a newer format', { format: 2 }],
  ['of a format that is no number', { format: { toString: 1, valueOf: 1 } }],
])('an access token whose origin is %s is unreadable', async (_, origin) => {
  const db = open()
  await db.saveAccessToken('user', URL, TOKEN)
  const key = `${P}~access:{user}:${URL}`
  await redis.set(key, JSON.stringify({ ...TOKEN, '~': origin }))
  await expect(db.getAccessToken('user', URL)).rejects.toMatchObject({
    code: 'UNREADABLE_RECORD',
    message: expect.stringContaining('newer @atxp/redis'),
  })
})

describe('an index of a newer format', () => {
  const index = `${P}~index:{user}`

  it('has entries that this version neither reads nor drops, and none of them fails a save', async () => {
    const db = open()
    const newer = { 'access2:x': '2 something new', 'access:y': 'new', 'access:z': '' }
    for (const [field, text] of Object.entries(newer)) {
      await redis.hset(index, field, text)
    }
    // Entries are looked at by one save in eight, at the time that Redis has.
    for (let i = 0; i < 200; i += 1) await db.saveAccessToken('user', `${URL}${i}`, TOKEN)
    for (const [field, text] of Object.entries(newer)) {
      expect(await redis.hget(index, field)).toBe(text)
    }
    expect(await db.listAccessTokens('user')).toHaveLength(200)
  })

  it('goes with its user, and with it the records of kinds that this version does not know', async () => {
    const db = open()
    await db.saveAccessToken('user', URL, TOKEN)
    await redis.hset(index, 'access2:x', '2 something new')
    await redis.set(`${P}~access2:{user}:x`, 'something new')
    await redis.set(`${P}~access2:{other}:x`, 'something new')
    expect(await db.deleteUser('user')).toBe(2)
    expect(await redis.keys(`${P}~*{user}*`)).toEqual([])
    expect(await redis.exists(`${P}~access2:{other}:x`)).toBe(1)
  })

  it('does not say when a session was refreshed', async () => {
    const db = open()
    await db.saveAccessToken('user', URL, TOKEN)
    await redis.hset(index, `access:${URL}`, '99999999999999:something:new')
    expect(await sessions(db, 'user')).toMatchObject([{ url: URL, lastRefreshedAt: null }])
  })
})

describe('what coordinates', () => {
  it('a rest of a newer format keeps nobody from sending, and no trial is made of it', async () => {
    const db = open()
    await db.saveAccessToken('user', URL, TOKEN)
    const key = `${P}~rest:${restNameOf('r')}`
    const newer = '2 something rest new'
    // By the rule of this version it would be over.
    await redis.set(key, newer, 'PX', 50_000)
    expect((await sessions(db, 'user'))[0]).not.toHaveProperty('lastFailure')
    await db.getAccessToken('user', URL)
    const seen: (string | null)[] = []
    const fetch = db.coordinatedFetch(async () => {
      seen.push(await redis.get(key))
      return Response.json({ access_token: 'b', refresh_token: 's' })
    })
    const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: 'r' })
    expect((await fetch(`${ISSUER}/token`, { method: 'POST', body })).status).toBe(200)
    expect(seen).toEqual([newer])
  })

  it('a lease of a newer format is held', async () => {
    const db = open()
    const key = `${P}~lease:{${fingerprint('work')}}`
    await redis.set(key, '2 somebody new')
    const options = { recheck: async () => undefined, waitMs: 50 }
    await expect(db.singleFlight('work', async () => 'done', options)).rejects.toMatchObject({
      code: 'TIMEOUT',
    })
    expect(await redis.get(key)).toBe('2 somebody new')
  })

  it.each([
    ['in bytes', Buffer.from([0xf8, 2, 0])],
    ['in text', '{"format":2,"reply":"new"}'],
  ])('a shared registration of a newer format is taken by nobody, %s', async (_, newer) => {
    let registrations = 0
    const register = async () => {
      const fetch = await discovering(
        (fetch) => open().coordinatedFetch(fetch),
        ISSUER,
        async () => {
          registrations += 1
          return Response.json({ client_id: `client-${registrations}` }, { status: 201 })
        },
      )
      const body = JSON.stringify({ redirect_uris: ['https://app.example'] })
      return (await fetch(`${ISSUER}/register`, { method: 'POST', body })).json()
    }
    expect(await register()).toEqual({ client_id: 'client-1' })
    expect(await register()).toEqual({ client_id: 'client-1' })
    const [key = ''] = await redis.keys(`${P}~reply:*`)
    await redis.set(key, newer, 'PX', 30_000)
    expect(await register()).toEqual({ client_id: 'client-2' })
  })
})
