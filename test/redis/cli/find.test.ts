import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { type RedisOAuthDatabase, RedisOAuthDatabaseError } from '../../../src/index.js'
import { run } from '../../support/cli/command-line.js'
import { openDatabase } from '../../support/scene.js'
import { type RedisServer, startRedis } from '../../support/servers/redis-server.js'

const URL = 'https://mcp.example/'
const TOKEN = { accessToken: 's3cr3t', refreshToken: 's3cr3t-refresh', resourceUrl: URL }
const [KEY, OTHER_KEY, HASH_KEY] = [0, 1, 2].map(() => randomBytes(32).toString('base64url'))

let server: RedisServer

beforeAll(async () => {
  server = await startRedis()
})

beforeEach(async () => {
  await server.cli('FLUSHALL')
})

afterAll(async () => {
  await server?.stop()
})

/** What the error of a reader names, which lacks the key of the record. */
async function fingerprintInError(reader: RedisOAuthDatabase): Promise<string> {
  const error: unknown = await reader.getAccessToken('alice', URL).then(
    () => undefined,
    (reason) => reason,
  )
  if (!(error instanceof RedisOAuthDatabaseError)) throw new Error('the record was read')
  expect(error.code).toBe('UNREADABLE_RECORD')
  expect(error.message).toContain(`(record ${error.fingerprint})`)
  return error.fingerprint ?? ''
}

const withKey = (key = '') => ({ encryption: { keys: [{ id: 'a', key }] } })

it('finds whose record an error has named, and why it cannot be read', async () => {
  await openDatabase({ url: server.url, ...withKey(KEY) }).saveAccessToken('alice', URL, TOKEN)
  await openDatabase({ url: server.url }).storeToken('others', 's3cr3t')
  const fingerprint = await fingerprintInError(
    openDatabase({ url: server.url, ...withKey(OTHER_KEY) }),
  )
  const env = { REDIS_URL: server.url, ATXP_REDIS_ENCRYPTION_KEYS: `a:${OTHER_KEY}` }
  const { code, stdout } = await run(['find', fingerprint], { env })
  expect(code).toBe(0)
  const redisKey = `atxp:oauth:~access:{alice}:${URL}`
  expect(stdout.split('\n')[1]).toMatch(/^access +alice +https:\/\/mcp.example\/ +notOpened +atxp:/)
  const [found, ...others] = JSON.parse(
    (await run(['find', fingerprint, '--json'], { env })).stdout,
  )
  expect(others).toEqual([])
  expect(found).toEqual({ kind: 'access', userId: 'alice', name: URL, why: 'notOpened', redisKey })
  expect(stdout).not.toContain('s3cr3t')
})

it('reads the user out of the record if its key shows none', async () => {
  const hashKeys = { key: HASH_KEY ?? '' }
  const owner = openDatabase({ url: server.url, hashKeys, ...withKey(KEY) })
  await owner.saveAccessToken('alice', URL, TOKEN)
  const fingerprint = await fingerprintInError(
    openDatabase({ url: server.url, hashKeys, ...withKey(OTHER_KEY) }),
  )
  const found = async (key?: string) => {
    const env = {
      REDIS_URL: server.url,
      ATXP_REDIS_ENCRYPTION_KEYS: `a:${key}`,
      ATXP_REDIS_HASH_KEY: hashKeys.key,
    }
    return JSON.parse((await run(['find', fingerprint, '--json'], { env })).stdout)
  }
  expect(await found(KEY)).toMatchObject([
    { kind: 'access', userId: 'alice', name: URL, why: null },
  ])
  expect(await found(OTHER_KEY)).toMatchObject([
    { kind: 'access', userId: null, name: null, why: 'notOpened' },
  ])
})

it('ends with 1 if there is no such record, and with 2 for what is no fingerprint', async () => {
  const env = { REDIS_URL: server.url }
  expect(await run(['find', '0123456789ab'], { env })).toMatchObject({ code: 1, stdout: '' })
  for (const wrong of ['0123', 's3cr3t', '0123456789AB']) {
    const { code, stderr } = await run(['find', wrong], { env })
    expect(code).toBe(2)
    expect(stderr).toContain('FINGERPRINT is the 12 hex digits')
    expect(stderr).not.toContain('s3cr3t')
  }
})
