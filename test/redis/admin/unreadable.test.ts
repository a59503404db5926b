import { createHash, randomBytes } from 'node:crypto'
import { beforeEach, expect, it } from 'vitest'
import { findUnreadable, type UnreadableRecord } from '../../../src/admin.js'
import type { RedisOAuthDatabase, RedisOAuthDatabaseOptions } from '../../../src/index.js'
import { openDatabase, startServer } from '../../support/scene.js'
import type { RedisServer } from '../../support/servers/redis-server.js'

const URL = 'https://server.example/mcp'
const TOKEN = { accessToken: 'a', refreshToken: 'r', resourceUrl: URL }
const OLD = { id: 'old', key: randomBytes(32) }
const NEW = { id: 'new', key: randomBytes(32) }
const P = 'atxp:oauth:'

let redis: RedisServer

beforeEach(async () => {
  redis = await startServer()
})

const open = (options: RedisOAuthDatabaseOptions = {}) =>
  openDatabase({ url: redis.url, ...options })
const fingerprint = (key: string) => createHash('sha256').update(key).digest('hex').slice(0, 12)

async function unreadableOf(db: RedisOAuthDatabase): Promise<UnreadableRecord[]> {
  const found: UnreadableRecord[] = []
  for await (const one of findUnreadable(db)) found.push(one)
  return found.sort((one, other) => (one.fingerprint < other.fingerprint ? -1 : 1))
}

const expected = (records: Record<string, Omit<UnreadableRecord, 'fingerprint'>>) =>
  Object.entries(records)
    .map(([key, record]) => ({ ...record, fingerprint: fingerprint(key) }))
    .sort((one, other) => (one.fingerprint < other.fingerprint ? -1 : 1))

it('finds nothing where all can be read', async () => {
  const db = open()
  await db.storeToken('a', 'token')
  await db.saveAccessToken('user', URL, TOKEN)
  await db.savePKCEValues('user', 's', {
    codeVerifier: 'v',
    codeChallenge: '',
    resourceUrl: '',
    url: '',
  })
  await db.getPKCEValues('user', 's')
  expect(await unreadableOf(db)).toEqual([])
})

it('says of each record why, without encryption', async () => {
  const db = open()
  const sealing = open({ encryption: { keys: [OLD] } })
  await sealing.storeToken('sealed', 'token')
  await db.storeToken('whole', 'token')
  await redis.cli('SET', `${P}bytes`, Buffer.from('a\xff', 'latin1'))
  await redis.cli('RPUSH', `${P}list`, 'a')
  await redis.cli('SET', `${P}~access:{u}:json`, '{')
  await redis.cli('SET', `${P}~access:{u}:newer`, '{"accessToken":"a","~":{"format":99}}')
  await redis.cli('HSET', `${P}~client:hash`, 'a', 'b')
  await redis.cli('SET', `${P}~index:{u}`, 'no hash')
  await redis.cli('SET', 'of another:~access:{u}:json', '{')
  expect(await unreadableOf(db)).toEqual(
    expected({
      [`${P}sealed`]: { kind: 'token', why: 'unknownKey', keyId: 'old' },
      [`${P}bytes`]: { kind: 'token', why: 'corrupt' },
      [`${P}list`]: { kind: 'token', why: 'wrongType' },
      [`${P}~access:{u}:json`]: { kind: 'access', why: 'corrupt' },
      [`${P}~access:{u}:newer`]: { kind: 'access', why: 'corrupt' },
      [`${P}~client:hash`]: { kind: 'client', why: 'wrongType' },
      [`${P}~index:{u}`]: { kind: 'index', why: 'wrongType' },
    }),
  )
})

it('says of each record why, with encryption', async () => {
  const db = open({ encryption: { keys: [NEW] } })
  await open().storeToken('plain', 'token')
  await open({ encryption: { keys: [OLD] } }).storeToken('of old', 'token')
  await open({ encryption: { keys: [{ ...NEW, key: OLD.key }] } }).storeToken('forged', 'token')
  await db.storeToken('whole', 'token')
  await db.storeToken('moved from', 'token')
  await redis.cli('RENAME', `${P}moved from`, `${P}moved`)
  await redis.cli('SET', `${P}bytes`, Buffer.from('a\xff', 'latin1'))
  await redis.cli('SET', `${P}mark alone`, Buffer.from([0xfa]))
  expect(await unreadableOf(db)).toEqual(
    expected({
      [`${P}plain`]: { kind: 'token', why: 'plain' },
      [`${P}of old`]: { kind: 'token', why: 'unknownKey', keyId: 'old' },
      [`${P}forged`]: { kind: 'token', why: 'notOpened' },
      [`${P}moved`]: { kind: 'token', why: 'notOpened' },
      [`${P}bytes`]: { kind: 'token', why: 'corrupt' },
      [`${P}mark alone`]: { kind: 'token', why: 'notOpened' },
    }),
  )
  const error = await db.getToken('of old').catch((reason: unknown) => reason)
  expect(error).toMatchObject({ fingerprint: fingerprint(`${P}of old`) })
  expect(String((error as Error).message)).not.toMatch(/unknownKey|old\b.*key id/)
})
