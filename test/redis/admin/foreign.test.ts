import { randomBytes } from 'node:crypto'
import type { Redis } from 'ioredis'
import { beforeEach, expect, it, onTestFinished } from 'vitest'
import { exportRecords, findUnreadable } from '../../../src/admin.js'
import type { RedisOAuthDatabaseOptions } from '../../../src/index.js'
import { PublishedOAuthDb } from '../../support/databases/published-oauth-db.mjs'
import { openDatabase, startServer } from '../../support/scene.js'
import { bareClient } from '../../support/servers/bare-client.js'
import { collect } from '../../support/transfer/every-record.js'

const URL = 'https://server.example/mcp'
const USER = 'base:0xabc'
const keys = [{ id: 'a', key: randomBytes(32) }]

/** What stands under our prefix and is not ours. */
const FOREIGN = [
  'oauth:access_token:base:0xabc:https://server.example/mcp',
  'oauth:client_credentials:https://auth.example',
  'oauth:pkce:base:0xabc:state',
  'oauth:~somebody:else',
]

let redis: Redis
let url: string

beforeEach(async () => {
  const server = await startServer()
  url = server.url
  redis = bareClient({ path: server.path })
  const old = new PublishedOAuthDb({ redis: url })
  onTestFinished(() => old.close())
  await old.saveClientCredentials('https://auth.example', {
    clientId: 'id',
    clientSecret: 's',
    redirectUri: URL,
  })
  await old.savePKCEValues(USER, 'state', {
    codeVerifier: 'v',
    codeChallenge: 'c',
    resourceUrl: URL,
    url: URL,
  })
  await old.saveAccessToken(USER, URL, { accessToken: 'a', resourceUrl: URL })
  await redis.set('oauth:~somebody:else', 'value')
})

const standing = () => Promise.all(FOREIGN.map((key) => redis.get(key)))

const VARIANTS: [string, RedisOAuthDatabaseOptions][] = [
  ['without encryption', {}],
  ['with encryption', { encryption: { keys } }],
  ['with encryption that takes plain records', { encryption: { keys, acceptPlaintext: true } }],
  ['with hashed names', { encryption: { keys }, hashKeys: { key: randomBytes(32) } }],
]

it.each(VARIANTS)(
  'what is foreign is not listed, sealed, exported or deleted, but counted and named, %s',
  async (_variant, options) => {
    const before = await standing()
    const db = openDatabase({ url, keyPrefix: 'oauth:', ...options })
    // A token of such a name is ours.
    await db.storeToken(`access_token:${USER}:x`, 'token')
    await db.storeToken('user_123', '{"encrypted_access_token":"a","resource_url":"b"}')
    await db.saveAccessToken(USER, URL, { accessToken: 'ours', resourceUrl: URL })
    const own = [`access_token:${USER}:x`, 'user_123']
    expect((await db.listTokens()).sort()).toEqual(own)

    let foreign: number | undefined
    const { length } = await collect(
      exportRecords(db, {
        secrets: 'plain',
        onProgress: (progress) => {
          foreign = progress.foreign
        },
      }),
    )
    expect(length).toBeGreaterThan(0)
    expect(foreign).toBe(FOREIGN.length)
    const named = await collect(findUnreadable(db))
    expect(new Set(named)).toEqual(
      new Set(
        FOREIGN.map((redisKey) => ({
          kind: 'foreign',
          fingerprint: expect.stringMatching(/^[0-9a-f]{12}$/),
          why: 'foreign',
          redisKey,
        })),
      ),
    )
    if (options.encryption !== undefined) {
      const resealed = await db.reseal()
      expect(resealed).toMatchObject({ resealed: 0, unreadable: 0, foreign: FOREIGN.length })
    }
    await db.deleteTokens(await db.listTokens())
    expect(await db.deleteUser(USER)).toBe(1)
    expect(await standing()).toEqual(before)
  },
)
