import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RedisOAuthDatabaseOptions } from '../../../src/index.js'
import type { AccessToken } from '../../../src/leaves/contract.js'
import { openDatabase } from '../../support/scene.js'
import { type RedisServer, startRedis } from '../../support/servers/redis-server.js'

const URL = 'https://server.example/mcp'
const TOKEN_URL = 'https://auth.example/token'
const SLACK_MS = 10_000

let redis: RedisServer

beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis?.stop())

const keyOf = (prefix: string, user: string) => `${prefix}~access:{${user}}:${URL}`

/** What a refresh with this answer leaves behind, and what a save of the same leaves. */
async function refreshAndSave(
  prefix: string,
  options: RedisOAuthDatabaseOptions,
  before: Partial<AccessToken>,
  body: object,
) {
  const db = openDatabase({ ...options, url: redis.url, keyPrefix: prefix })
  const old = { accessToken: 'old', refreshToken: 'old refresh', resourceUrl: URL, ...before }
  await db.saveAccessToken('refreshed', URL, old)
  await db.getAccessToken('refreshed', URL)
  const fetch = db.coordinatedFetch(async () => Response.json(body))
  const form = { grant_type: 'refresh_token', refresh_token: 'old refresh', client_id: 'client' }
  const answer = await fetch(TOKEN_URL, { method: 'POST', body: new URLSearchParams(form) })
  expect(answer.status).toBe(200)
  const refreshed = (await db.getAccessToken('refreshed', URL)) as AccessToken
  await db.saveAccessToken('saved', URL, refreshed)
  return { db, refreshed, saved: await db.getAccessToken('saved', URL) }
}

const ttlOf = (prefix: string, user: string) => redis.cli<number>('PTTL', keyOf(prefix, user))

const ANSWERS: [string, object][] = [
  ['a pair and its expiry', { access_token: 'new', refresh_token: 'next', expires_in: 7_200 }],
  ['a pair without expiry', { access_token: 'new', refresh_token: 'next' }],
  ['an access token alone', { access_token: 'new', expires_in: 7_200 }],
  ['a day of access', { access_token: 'new', refresh_token: 'next', expires_in: 86_400 }],
]

const OPTIONS: [string, RedisOAuthDatabaseOptions][] = [
  ['the defaults', {}],
  ['a short accessTokenTtl', { accessTokenTtl: 60_000, refreshTokenTtl: 14_400_000 }],
  ['a short refreshTokenTtl', { accessTokenTtl: 14_400_000, refreshTokenTtl: 60_000 }],
]

describe.each(OPTIONS)('with %s a refreshed record', (_, options) => {
  it.each(ANSWERS)('lives as long as a plain save of %s', async (name, body) => {
    const prefix = `test:${Object.values(options).join('-')}:${name}:`
    await refreshAndSave(prefix, options, { expiresAt: 1_000_000_000 }, body)
    const saved = await ttlOf(prefix, 'saved')
    expect(saved).toBeGreaterThan(0)
    expect(Math.abs((await ttlOf(prefix, 'refreshed')) - saved)).toBeLessThan(SLACK_MS)
  })
})

it('a refreshed record has every member of the answer, keeps what the answer leaves out, and is read back whole', async () => {
  const { refreshed, saved } = await refreshAndSave(
    'test:members:',
    {},
    { expiresAt: 1_000_000_000, ...{ added_by_a_newer_sdk: { a: [1] }, scope: 'old' } },
    {
      access_token: 'new',
      refresh_token: 'next',
      token_type: 'Bearer',
      expires_in: 3_600,
      scope: 'read write',
      id_token: 'header.body.signature',
      issued_token_type: 'urn:x',
      resourceUrl: 'https://elsewhere.example',
    },
  )
  expect(refreshed).toEqual({
    accessToken: 'new',
    refreshToken: 'next',
    resourceUrl: URL,
    expiresAt: expect.any(Number),
    token_type: 'Bearer',
    scope: 'read write',
    id_token: 'header.body.signature',
    issued_token_type: 'urn:x',
    added_by_a_newer_sdk: { a: [1] },
  })
  expect(saved).toEqual(refreshed)
})

it.each(['deleteUser', 'deleteAccessToken'])(
  'the save that follows a refresh brings no user back after %s',
  async (method) => {
    const db = openDatabase({ url: redis.url, keyPrefix: `test:${method}:` })
    const old = { accessToken: 'old', refreshToken: 'old refresh', resourceUrl: URL }
    await db.saveAccessToken('alice', URL, old)
    await db.getAccessToken('alice', URL)
    const fetch = db.coordinatedFetch(async () =>
      Response.json({ access_token: 'new', refresh_token: 'next' }),
    )
    const form = { grant_type: 'refresh_token', refresh_token: 'old refresh', client_id: 'client' }
    const answer = await fetch(TOKEN_URL, { method: 'POST', body: new URLSearchParams(form) })
    expect(answer.status).toBe(200)
    await (method === 'deleteUser' ? db.deleteUser('alice') : db.deleteAccessToken('alice', URL))
    // As the SDK does with what it was handed.
    await db.saveAccessToken('alice', URL, { ...old, accessToken: 'new', refreshToken: 'next' })
    expect(await db.getAccessToken('alice', URL)).toBeNull()
    await db.saveAccessToken('alice', URL, { ...old, accessToken: 'of a new login' })
    expect((await db.getAccessToken('alice', URL))?.accessToken).toBe('of a new login')
  },
)
