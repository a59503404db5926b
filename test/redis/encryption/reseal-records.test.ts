import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RedisOAuthDatabase, RedisOAuthDatabaseOptions } from '../../../src/index.js'
import { formOf } from '../../support/encryption/encryption-places.js'
import { openDatabase } from '../../support/scene.js'
import { expectSameTimes, expireTimesOf } from '../../support/servers/expire-time.js'
import { type RunningTopology, TEST_PREFIX, TOPOLOGIES } from '../../support/servers/topologies.js'

const A = { id: 'a', key: randomBytes(32) }
const B = { id: 'b', key: randomBytes(32) }
const hashKeys = { key: randomBytes(32) }
const HOUR_MS = 3_600_000

const PLAIN = {}
const ACCEPTING = { encryption: { keys: [A], acceptPlaintext: true } }
const PLAIN_AGAIN = { encryption: { keys: [A], acceptPlaintext: true, writePlaintext: true } }
const UNDER_A = { encryption: { keys: [A] } }
const UNDER_B = { encryption: { keys: [B, A] } }

const TURNS: [string, RedisOAuthDatabaseOptions, RedisOAuthDatabaseOptions, string][] = [
  ['seals what is plain', PLAIN, ACCEPTING, 'a'],
  ['makes plain again what is sealed', UNDER_A, PLAIN_AGAIN, 'plain'],
  ['seals with the first key what is sealed with another', UNDER_A, UNDER_B, 'b'],
  ['does so under hashed names', { ...UNDER_A, hashKeys }, { ...UNDER_B, hashKeys }, 'b'],
]

for (const name of ['standalone', 'tls+acl', 'cluster']) {
  describe(`reseal on ${name}`, () => {
    let redis: RunningTopology
    let tests = 0

    beforeAll(async () => {
      const topology = TOPOLOGIES.find((one) => one.name === name)
      redis = (await topology?.start()) as RunningTopology
    })

    afterAll(() => redis?.stop())

    it.each(TURNS)(
      '%s, and lets each record expire when it would have',
      async (_title, before, after, form) => {
        tests += 1
        const keyPrefix = `${TEST_PREFIX}${tests}:`
        const open = (options: RedisOAuthDatabaseOptions): RedisOAuthDatabase =>
          openDatabase({ ...redis.options, ...options, keyPrefix })
        const count = await saveEachKind(open(before))
        const keysOfRecords = async () => {
          const names = await redis.keys(`${keyPrefix}*`)
          return names.filter((key) => !key.includes('~index:'))
        }
        const keys = await keysOfRecords()
        expect(keys).toHaveLength(count)
        const former = await expireTimesOf(redis, keys)

        const db = open(after)
        expect(await db.reseal()).toEqual({
          seen: count,
          resealed: count,
          unreadable: 0,
          foreign: 0,
        })
        expect(await keysOfRecords()).toEqual(keys)
        const values = await Promise.all(keys.map((key) => redis.cli<string>('GET', key)))
        expect(new Set(values.map(formOf))).toEqual(new Set([form]))
        expectSameTimes(await expireTimesOf(redis, keys), former)
        await expectEachKind(db)
        expect(await db.reseal()).toEqual({ seen: count, resealed: 0, unreadable: 0, foreign: 0 })
      },
    )
  })
}

const TOKENS = 500
const URL = 'https://server.example/mcp'
const ACCESS_TOKEN = { accessToken: 'access', refreshToken: 'refresh', resourceUrl: URL }
const VALUES = { codeVerifier: 'verifier', codeChallenge: 'c', resourceUrl: URL, url: URL }
const CLIENT = { clientId: 'id', clientSecret: 'secret', redirectUri: URL }
const RESOURCE_CLIENT = { ...CLIENT, clientId: 'resource' }

/** @returns how many records that makes */
async function saveEachKind(db: RedisOAuthDatabase): Promise<number> {
  const expiresAt = new Date(Date.now() + HOUR_MS)
  await db.storeTokens(
    Array.from({ length: TOKENS }, (_, i) => ({
      key: `token ${i}`,
      token: `secret ${i}`,
      ...(i % 2 === 0 && { expiresAt }),
    })),
  )
  await db.saveAccessToken('alice', URL, ACCESS_TOKEN)
  await db.savePKCEValues('alice', 'state', VALUES)
  await db.saveClientCredentials(URL, CLIENT)
  await db.forResourceServer().saveClientCredentials(URL, RESOURCE_CLIENT)
  return TOKENS + 4
}

async function expectEachKind(db: RedisOAuthDatabase): Promise<void> {
  for (let i = 0; i < TOKENS; i += 100) expect(await db.getToken(`token ${i}`)).toBe(`secret ${i}`)
  expect(await db.listTokens()).toHaveLength(TOKENS)
  expect(await db.getAccessToken('alice', URL)).toEqual(ACCESS_TOKEN)
  expect(await db.listAccessTokens('alice')).toHaveLength(1)
  expect(await db.getPKCEValues('alice', 'state')).toEqual(VALUES)
  await db.savePKCEValues('alice', 'state', VALUES)
  expect(await db.getClientCredentials(URL)).toEqual(CLIENT)
  expect(await db.forResourceServer().getClientCredentials(URL)).toEqual(RESOURCE_CLIENT)
}
