import { randomBytes } from 'node:crypto'
import { expect, it } from 'vitest'
import type { RedisOAuthDatabaseOptions } from '../../../src/index.js'
import { openDatabase, startServer } from '../../support/scene.js'
import { bareClient } from '../../support/servers/bare-client.js'

const RECORDS = 200
const URL = 'https://mcp.example.com/mcp'

const encryption = { keys: [{ id: 'k1', key: randomBytes(32) }] }
const hashKeys = { key: randomBytes(32) }

const random = (length: number): string =>
  randomBytes(length).toString('base64url').slice(0, length)

/** A JWT of 799 characters (RS256), and a refresh token of 64. */
const newToken = () => ({
  accessToken: `${random(36)}.${random(419)}.${random(342)}`,
  refreshToken: random(64),
  expiresAt: Date.now() + 3_600_000,
  resourceUrl: URL,
})

/** Mean of what Redis needs for a record, key and expiry included: as JSON text at the name that it had then, and now. */
async function meanBytes(
  options: RedisOAuthDatabaseOptions,
): Promise<{ asJson: number; sealed: number }> {
  const { url, path } = await startServer()
  const redis = bareClient({ path })
  const db = openDatabase({ url, ...options })
  for (let i = 0; i < RECORDS; i++) {
    const user = `base:0x${randomBytes(20).toString('hex')}`
    const token = newToken()
    await db.saveAccessToken(user, URL, token)
    await redis.setex(`json:oauth:access:${user}:${URL}`, 3_600, JSON.stringify(token))
  }
  const mean = async (pattern: string): Promise<number> => {
    const keys = await redis.keys(pattern)
    expect(keys).toHaveLength(RECORDS)
    const sizes = await Promise.all(keys.map((key) => redis.memory('USAGE', key, 'SAMPLES', 0)))
    return sizes.reduce<number>((sum, size) => sum + Number(size), 0) / RECORDS
  }
  return { asJson: await mean('json:*'), sealed: await mean('atxp:*~access:*') }
}

it.each([
  ['encryption', { encryption }],
  ['encryption and hashed names', { encryption, hashKeys }],
])(
  'an access token takes less memory in Redis with %s than as plain JSON',
  async (_how, options) => {
    const { asJson, sealed } = await meanBytes(options)
    expect(sealed).toBeLessThan(asJson)
  },
)
