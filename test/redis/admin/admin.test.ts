import { createHash, randomBytes } from 'node:crypto'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import {
  registrations,
  reseal,
  revokeSession,
  revokeUser,
  type Session,
  sessions,
  users,
  type WalkOptions,
} from '../../../src/admin.js'
import {
  CHANNELS,
  type RedisOAuthDatabase,
  type RedisOAuthDatabaseOptions,
} from '../../../src/index.js'
import { openDatabase } from '../../support/scene.js'
import { type RunningTopology, TEST_PREFIX, TOPOLOGIES } from '../../support/servers/topologies.js'

const URL = 'https://server.example/mcp'
const ISSUER = 'https://auth.example'
const SECRET = 's3cr3t'
const TOKEN = { accessToken: SECRET, refreshToken: `${SECRET}-refresh`, resourceUrl: URL }
const VALUES = { codeVerifier: SECRET, codeChallenge: 'c', resourceUrl: URL, url: URL }
const CLIENT = { clientId: 'id', clientSecret: SECRET, redirectUri: 'https://a.example/callback' }
const HOUR_MS = 3_600_000

const HASHED: RedisOAuthDatabaseOptions = {
  encryption: { keys: [{ id: 'k1', key: randomBytes(32) }] },
  hashKeys: { key: randomBytes(32) },
}

const VARIANTS = [
  ['standalone', 'with plain names', {}],
  ['standalone', 'with hashed names and sealed records', HASHED],
  ['tls+acl', 'with plain names', {}],
  ['cluster', 'with plain names', {}],
  ['cluster', 'with hashed names and sealed records', HASHED],
] as const

async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const one of source) found.push(one)
  return found
}

describe.each(VARIANTS)('on %s %s', (topologyName, _variant, options) => {
  const isHashed = 'hashKeys' in options
  let redis: RunningTopology
  let db: RedisOAuthDatabase
  let prefix: string
  let tests = 0

  beforeAll(async () => {
    redis = (await TOPOLOGIES.find(({ name }) => name === topologyName)?.start()) as RunningTopology
  })

  afterAll(() => redis?.stop())

  beforeEach(() => {
    tests += 1
    prefix = `${TEST_PREFIX}${tests}:`
    db = openDatabase({ ...redis.options, ...options, keyPrefix: prefix })
  })

  const keysOf = (kind: string) => redis.keys(`${prefix}~${kind}:*`)

  async function damage(kind: string): Promise<string> {
    const [key = '', ...others] = await keysOf(kind)
    expect(others).toEqual([])
    await redis.cli('SET', key, 'damaged')
    return createHash('sha256').update(key).digest('hex').slice(0, 12)
  }

  it('users are those who hold a session, whatever their names', async () => {
    const names = ['alice', '', '%', 'a}b', '{a}', 'base:0xabc', 'é', '~index:{x}']
    for (const name of names) {
      await db.saveAccessToken(name, URL, TOKEN)
      await db.saveAccessToken(name, '', TOKEN)
    }
    await db.savePKCEValues('began a login', 'state', VALUES)
    await db.saveAccessToken('logged out', URL, TOKEN)
    await db.deleteAccessToken('logged out', URL)
    await db.saveAccessToken('expired', URL, {
      accessToken: 'a',
      resourceUrl: '',
      expiresAt: 1_000_000_000,
    })
    await db.storeToken('~index:{token}', SECRET)
    expect(new Set(await all(users(db)))).toEqual(new Set(names))
  })

  it('users are found beside a record of theirs that cannot be read', async () => {
    await db.saveAccessToken('alice', '', TOKEN)
    await damage('access')
    await db.saveAccessToken('alice', URL, TOKEN)
    expect(await all(users(db))).toEqual(['alice'])
  })

  it('a walk says how far it is, and ends by its signal', async () => {
    await Promise.all(
      Array.from({ length: 2_500 }, (_, i) => db.saveAccessToken(`user ${i}`, URL, TOKEN)),
    )
    const seen: number[] = []
    const onProgress: WalkOptions['onProgress'] = (progress) => seen.push(progress.found)
    expect(new Set(await all(users(db, { onProgress }))).size).toBe(2_500)
    expect(seen.length).toBeGreaterThan(1)
    expect(seen.at(-1)).toBeGreaterThanOrEqual(2_500)

    const controller = new AbortController()
    const some: string[] = []
    const aborted = async (): Promise<void> => {
      for await (const user of users(db, { signal: controller.signal })) {
        some.push(user)
        controller.abort()
      }
    }
    await expect(aborted()).rejects.toMatchObject({ code: 'ABORTED', operation: 'users' })
    expect(some.length).toBeLessThan(2_500)
  })

  it('sessions say what a user has, and no secret', async () => {
    const ms = Date.now() + HOUR_MS
    await db.saveAccessToken('alice', URL, { ...TOKEN, expiresAt: ms })
    await db.saveAccessToken('alice', '', { accessToken: SECRET, resourceUrl: '', expiresAt: ms })
    await db.saveAccessToken('bob', URL, TOKEN)
    await db.savePKCEValues('alice', 'state', VALUES)
    const found = await sessions(db, 'alice')
    const byUrl = new Map(found.map((session) => [session.url, session]))
    expect([...byUrl.keys()].sort()).toEqual(['', URL])
    expect(byUrl.get(URL)).toMatchObject({
      isReadable: true,
      resourceUrl: URL,
      expiresAt: new Date(ms),
      hasRefreshToken: true,
      lastRefreshedAt: null,
    })
    expect(byUrl.get(URL)?.recordExpiresAt?.getTime()).toBeGreaterThan(ms)
    expect(byUrl.get('')).toMatchObject({
      expiresAt: new Date(ms),
      recordExpiresAt: new Date(ms),
      hasRefreshToken: false,
    })
    expect(byUrl.get(URL)).not.toHaveProperty('lastFailure')
    expect(JSON.stringify(found)).not.toContain(SECRET)
    expect(await sessions(db, 'nobody')).toEqual([])
  })

  it('one that cannot be read does not hide the others, and is named as in errors', async () => {
    await db.saveAccessToken('alice', '', TOKEN)
    const fingerprint = await damage('access')
    await db.saveAccessToken('alice', URL, TOKEN)
    const found = await sessions(db, 'alice')
    const bad = found.find(({ isReadable }) => !isReadable) as Session
    expect(found.filter(({ isReadable }) => isReadable).map(({ url }) => url)).toEqual([URL])
    expect(bad).toMatchObject({ url: isHashed ? null : '', fingerprint, expiresAt: null })
    expect((await db.listAccessTokens('alice')).map(({ url }) => url)).toEqual([URL])
    await expect(db.getAccessToken('alice', '')).rejects.toMatchObject({
      code: 'UNREADABLE_RECORD',
      fingerprint,
      message: expect.stringContaining(`(record ${fingerprint})`),
    })
  })

  it('say when a session was refreshed, and why it was not', async () => {
    const answers = [
      Response.json({ access_token: 'a2', refresh_token: 'r2', token_type: 'Bearer' }),
      new Response('', { status: 500 }),
    ]
    const fetch = db.coordinatedFetch(async () => answers.shift() as Response)
    const refresh = (refreshToken: string) =>
      fetch(`${ISSUER}/token`, {
        method: 'POST',
        body: new URLSearchParams({
          grant_type: 'refresh_token',
          refresh_token: refreshToken,
          client_id: 'id',
        }),
      }).catch(() => undefined)
    await db.saveAccessToken('alice', URL, TOKEN)
    await db.getAccessToken('alice', URL)
    const before = Date.now() - 1_000
    await refresh(TOKEN.refreshToken)
    const [refreshed] = await sessions(db, 'alice')
    expect(refreshed?.lastRefreshedAt?.getTime()).toBeGreaterThan(before)
    expect(refreshed).not.toHaveProperty('lastFailure')

    await db.getAccessToken('alice', URL)
    await refresh('r2')
    const [failed] = await sessions(db, 'alice')
    expect(failed?.lastFailure).toMatchObject({ code: '500', failures: 1 })
    expect(failed?.lastFailure?.nextAttemptAt).toBeInstanceOf(Date)
    expect(failed?.lastRefreshedAt).toEqual(refreshed?.lastRefreshedAt)

    // A save by a client is no refresh, and forgets none.
    await db.saveAccessToken('alice', URL, TOKEN)
    const [saved] = await sessions(db, 'alice')
    expect(saved?.lastRefreshedAt).toEqual(refreshed?.lastRefreshedAt)
    await db.deleteUser('alice')
    await db.saveAccessToken('alice', URL, TOKEN)
    expect((await sessions(db, 'alice')).map((one) => one.lastRefreshedAt)).toEqual([null])
  })

  it('revokes one session or all, and an event tells of it', async () => {
    const events: unknown[] = []
    const listen = (message: unknown) => events.push(message)
    subscribe(CHANNELS.session, listen)
    onTestFinished(() => void unsubscribe(CHANNELS.session, listen))
    for (const url of ['', URL, `${URL}/2`]) await db.saveAccessToken('alice', url, TOKEN)
    await db.savePKCEValues('alice', 'state', VALUES)
    expect(await revokeSession(db, 'alice', URL)).toBe(true)
    expect(await revokeSession(db, 'alice', URL)).toBe(false)
    expect(await revokeUser(db, 'alice')).toBe(3)
    expect(await redis.keys(`${prefix}*`)).toEqual([])
    expect(events).toEqual([
      { event: 'sessionRevoked', count: 1 },
      { event: 'sessionRevoked', count: 0 },
      { event: 'userRevoked', count: 3 },
    ])
  })

  it('registrations have server, role and client, and no secret', async () => {
    await db.saveClientCredentials(ISSUER, CLIENT)
    const fingerprint = await damage('client')
    await db.saveClientCredentials(`${ISSUER}/2`, CLIENT)
    await db.forResourceServer().saveClientCredentials(ISSUER, { ...CLIENT, clientId: 'rs' })
    await db.storeToken(`~client:${ISSUER}`, SECRET)
    const found = await all(registrations(db))
    expect(found).toHaveLength(3)
    expect(found).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          serverUrl: `${ISSUER}/2`,
          role: 'client',
          clientId: 'id',
          redirectUri: CLIENT.redirectUri,
          isReadable: true,
        }),
        expect.objectContaining({ serverUrl: ISSUER, role: 'resource-server', clientId: 'rs' }),
        expect.objectContaining({
          serverUrl: isHashed ? null : ISSUER,
          clientId: null,
          isReadable: false,
          fingerprint,
        }),
      ]),
    )
    expect(JSON.stringify(found)).not.toContain(SECRET)
  })

  it('deletes a session only while it has the refresh token that is meant', async () => {
    await db.saveAccessToken('alice', URL, TOKEN)
    const meant = { ifRefreshToken: TOKEN.refreshToken }
    expect(await db.deleteAccessToken('alice', URL, { ifRefreshToken: 'another' })).toBe(false)
    expect(await db.getAccessToken('alice', URL)).toEqual(TOKEN)
    expect(await db.deleteAccessToken('alice', URL, meant)).toBe(true)
    expect(await db.deleteAccessToken('alice', URL, meant)).toBe(false)
    expect(await redis.keys(`${prefix}*`)).toEqual([])
  })

  it('deletes the PKCE values of one login', async () => {
    await db.savePKCEValues('alice', 'state', VALUES)
    await db.savePKCEValues('alice', 'other', VALUES)
    expect(await db.deletePKCEValues('alice', 'state')).toBe(true)
    expect(await db.deletePKCEValues('alice', 'state')).toBe(false)
    expect(await db.getPKCEValues('alice', 'state')).toBeNull()
    expect(await db.getPKCEValues('alice', 'other')).toEqual(VALUES)
  })
})

describe('misuse is a TypeError', () => {
  const db = () => openDatabase({})

  it.each([
    ['users', () => users({} as never), /^db must be a RedisOAuthDatabase/],
    ['sessions', () => sessions(null as never, 'user'), /^db must be a RedisOAuthDatabase/],
    ['revokeUser', () => revokeUser({} as never, 'user'), /^db must be a RedisOAuthDatabase/],
    ['sessions', () => sessions(db(), 7 as never), /^userId must be a string/],
    ['users', () => users(db(), null as never), /^options must be an object/],
    ['users', () => users(db(), { onProgress: 1 } as never), /^options.onProgress must be/],
    ['registrations', () => registrations(db(), { signal: {} } as never), /^options.signal must/],
    ['reseal', () => reseal(db()), /^reseal needs options.encryption/],
    [
      'deleteAccessToken',
      () => db().deleteAccessToken('user', '', { ifRefreshTokn: 'a' } as never),
      /^options.ifRefreshTokn is not an option/,
    ],
    [
      'deleteAccessToken',
      () => db().deleteAccessToken('user', '', { ifRefreshToken: undefined } as never),
      /^options.ifRefreshToken must be a string/,
    ],
  ])('of %s', async (_name, act, message) => {
    const error = await Promise.resolve()
      .then<unknown>(act)
      .catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(TypeError)
    expect((error as Error).message).toMatch(message)
  })
})
