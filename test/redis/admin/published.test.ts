import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import {
  type ImportPublishedOptions,
  importPublished,
  type RefusedPublished,
  sessions,
} from '../../../src/admin.js'
import type { RedisOAuthDatabase } from '../../../src/index.js'
import { encryptionHooks } from '../../support/databases/encryption-hooks.mjs'
import { PublishedOAuthDb } from '../../support/databases/published-oauth-db.mjs'
import { SqliteOAuthDb } from '../../support/databases/sqlite-oauth-db.js'
import { openDatabase } from '../../support/scene.js'
import { bareClient } from '../../support/servers/bare-client.js'
import { freePort } from '../../support/servers/free-port.js'
import { type RedisServer, startRedis } from '../../support/servers/redis-server.js'

// This Node has no SQLite of its own, and better-sqlite3 is no dependency of the tests: libsql has its methods.
vi.mock('node:sqlite', () => {
  throw new Error('not in this Node')
})
vi.mock('better-sqlite3', async () => ({ default: (await import('libsql')).default }))

const URL = 'https://server.example/mcp'
const ISSUER = 'https://auth.example'
const USER = 'base:0xabc'
const SECRET = 's3cr3t'
const CLIENT = { clientId: 'id', clientSecret: SECRET, redirectUri: 'https://a.example/callback' }
const VALUES = { codeVerifier: SECRET, codeChallenge: 'c', resourceUrl: URL, url: URL }
const HOUR = 3_600
const HOOKS = encryptionHooks('secret of the hooks')
const encryption = { keys: [{ id: 'a', key: randomBytes(32) }] }

let server: RedisServer
let redis: Redis
let db: RedisOAuthDatabase
let tests = 0

beforeAll(async () => {
  server = await startRedis()
})

afterAll(() => server?.stop())

beforeEach(async () => {
  tests += 1
  redis = bareClient({ path: server.path })
  await redis.flushall()
  db = openDatabase({ url: server.url, encryption, keyPrefix: `${tests}:` })
})

function published(options: object = HOOKS): PublishedOAuthDb {
  const old = new PublishedOAuthDb({ redis: server.url, ...options })
  onTestFinished(() => old.close())
  return old
}

async function refusals(options: ImportPublishedOptions = {}): Promise<RefusedPublished[]> {
  const refused: RefusedPublished[] = []
  await importPublished(db, { ...options, onRefused: (one) => refused.push(one) })
  return refused
}

describe('from Redis', () => {
  it('moves all three layouts, sealed members and the registration for both roles', async () => {
    const old = published()
    const expiresAt = Math.floor(Date.now() / 1_000) + HOUR
    const token = { accessToken: SECRET, refreshToken: 'r', resourceUrl: URL, expiresAt }
    const plain = { accessToken: 'a', resourceUrl: '' }
    await old.saveClientCredentials(ISSUER, CLIENT)
    await old.saveAccessToken(USER, URL, token)
    await old.saveAccessToken(USER, '', plain)
    await old.savePKCEValues(USER, 'state', VALUES)
    const { decrypt } = HOOKS
    const result = await importPublished(db, { url: server.url, decrypt })
    expect(result).toEqual({ added: 5, kept: 0, refused: 0 })
    expect(await db.getClientCredentials(ISSUER)).toEqual(CLIENT)
    expect(await db.forResourceServer().getClientCredentials(ISSUER)).toEqual(CLIENT)
    expect(await db.getAccessToken(USER, URL)).toEqual(token)
    expect(await db.getAccessToken(USER, '')).toEqual(plain)
    expect(await db.getPKCEValues(USER, 'state')).toEqual(VALUES)
    // Read only.
    expect(await old.getAccessToken(USER, URL)).toEqual(token)
    expect(await importPublished(db, { decrypt })).toEqual({ added: 1, kept: 4, refused: 0 })
  })

  it('a refresh token outlives its access token, and nothing else lives longer than it did', async () => {
    const old = published({})
    const expiresAt = Math.floor(Date.now() / 1_000) + HOUR
    const records = {
      [`${URL}/refreshable`]: { refreshToken: 'r', expiresAt },
      [`${URL}/expiring`]: { expiresAt },
      [`${URL}/endless`]: {},
    }
    for (const [url, members] of Object.entries(records)) {
      await old.saveAccessToken(USER, url, { accessToken: 'a', resourceUrl: URL, ...members })
    }
    await importPublished(db)
    const ends = Object.fromEntries(
      (await sessions(db, USER)).map(({ url, recordExpiresAt }) => [url, recordExpiresAt]),
    )
    expect(ends[`${URL}/refreshable`]?.getTime()).toBeGreaterThan(Date.now() + 29 * 86_400_000)
    expect(ends[`${URL}/expiring`]?.getTime()).toBe(expiresAt * 1_000)
    const [key = ''] = await redis.keys('oauth:*endless')
    const expiry = Date.now() + (await redis.pttl(key))
    expect(Math.abs((ends[`${URL}/endless`]?.getTime() ?? 0) - expiry)).toBeLessThan(2_000)
  })

  it('keys that can be read in two ways are named and left', async () => {
    const old = published({})
    const token = { accessToken: 'a', resourceUrl: URL }
    const ambiguous = [
      ['user:https://idp.example/1', URL],
      ['user', 'https://proxy.example/:https://server.example'],
      ['user', 'mcp:somewhere'],
      ['user', `${URL}:`],
    ] as const
    for (const [user, url] of ambiguous) await old.saveAccessToken(user, url, token)
    await old.saveAccessToken('a:b:c', URL, token)
    await old.savePKCEValues('user', 'a:b,c', VALUES)
    const refused = await refusals()
    expect(refused.map(({ why }) => why)).toEqual(Array(5).fill('ambiguous'))
    expect(new Set(refused.map(({ key }) => key))).toEqual(
      new Set([
        ...ambiguous.map(([user, url]) => `oauth:access_token:${user}:${url}`),
        'oauth:pkce:user:a:b,c',
      ]),
    )
    expect(await db.getAccessToken('a:b:c', URL)).toEqual(token)
  })

  it.each([
    ['no JSON', SECRET, 'notARecord'],
    ['another record', '{"a":1}', 'notARecord'],
    [
      'a member that is not sealed',
      '{"encrypted_access_token":"x","resource_url":"y"}',
      'unreadable',
    ],
  ])('%s is refused by its key, and not repeated', async (_what, text, why) => {
    const key = `oauth:access_token:${USER}:${URL}`
    await redis.set(key, text)
    const refused = await refusals({ decrypt: HOOKS.decrypt })
    expect(refused).toEqual([{ key, why }])
  })

  it('a wrong decrypt refuses everything and loses nothing', async () => {
    await published().saveClientCredentials(ISSUER, CLIENT)
    const { decrypt } = encryptionHooks('another secret')
    expect(await importPublished(db, { decrypt })).toEqual({ added: 0, kept: 0, refused: 1 })
    const { decrypt: right } = HOOKS
    expect(await importPublished(db, { decrypt: right })).toMatchObject({ added: 2 })
  })

  it('reads with a client, under another prefix, and leaves it open', async () => {
    await published({ keyPrefix: 'my[app]:' }).saveClientCredentials(ISSUER, CLIENT)
    const options = { client: redis, keyPrefix: 'my[app]:' }
    expect(await importPublished(db, options)).toMatchObject({ added: 2 })
    expect(await redis.ping()).toBe('PONG')
  })

  it('names the server that it cannot read', async () => {
    const port = await freePort()
    const url = `redis://127.0.0.1:${port}`
    await expect(importPublished(db, { url })).rejects.toMatchObject({
      code: 'CONNECTION_REFUSED',
      operation: 'importPublished',
      server: `127.0.0.1:${port}`,
    })
  })

  it('ends by its signal', async () => {
    await published({}).saveClientCredentials(ISSUER, CLIENT)
    const aborted = importPublished(db, { signal: AbortSignal.abort() })
    await expect(aborted).rejects.toMatchObject({ code: 'ABORTED', operation: 'importPublished' })
  })
})

describe('from SQLite', () => {
  async function file(): Promise<string> {
    const directory = await mkdtemp(join(tmpdir(), 'atxp-redis-published-'))
    onTestFinished(() => rm(directory, { recursive: true }))
    return join(directory, 'oauth.db')
  }

  it('moves all three tables', async () => {
    const sqlite = await file()
    const old = new SqliteOAuthDb(sqlite)
    const expiresAt = Math.floor(Date.now() / 1_000) + HOUR
    const token = { accessToken: SECRET, refreshToken: 'r', resourceUrl: URL, expiresAt }
    await old.saveClientCredentials(ISSUER, CLIENT)
    await old.savePKCEValues(USER, 'state', VALUES)
    for (let i = 0; i < 1_100; i += 1) await old.saveAccessToken(`a:${URL}:${i}`, URL, token)
    await old.close()
    expect(await importPublished(db, { sqlite })).toEqual({ added: 1_103, kept: 0, refused: 0 })
    expect(await db.getAccessToken(`a:${URL}:1099`, URL)).toEqual(token)
    expect(await db.getPKCEValues(USER, 'state')).toEqual(VALUES)
    expect(await db.forResourceServer().getClientCredentials(ISSUER)).toEqual(CLIENT)
  })

  it('a file that is not there is not made', async () => {
    const sqlite = await file()
    const failed = importPublished(db, { sqlite })
    await expect(failed).rejects.toMatchObject({
      code: 'SOURCE_FAILED',
      cause: expect.objectContaining({ code: 'ENOENT' }),
    })
  })

  it('a file that is no database is named, and not quoted', async () => {
    const sqlite = await file()
    await writeFile(sqlite, SECRET.repeat(1_000))
    const failed = await importPublished(db, { sqlite }).catch((error: unknown) => error)
    expect(failed).toMatchObject({ code: 'SOURCE_FAILED', operation: 'importPublished' })
  })
})

describe('misuse is a TypeError', () => {
  it.each([
    ['two places', { url: 'redis://localhost', sqlite: 'file' }, /two places/],
    ['an unknown option', { prefix: 'oauth:' }, /^options.prefix is not an option/],
    ['decrypt', { decrypt: 'text' }, /^options.decrypt must be a function/],
  ])('%s', async (_what, options, message) => {
    await expect(importPublished(db, options as never)).rejects.toThrow(message)
  })
})
