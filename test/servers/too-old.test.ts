import { beforeEach, describe, expect, it } from 'vitest'
import type { RedisOAuthDatabase } from '../../src/index.js'
import { openDatabase, startServer } from '../support/scene.js'
import { isTooOld, type RedisServer } from '../support/servers/redis-server.js'

// On a server older than the library takes: `npm test -- servers` runs this with one.

const HOUR_MS = 3_600_000
const URL_OF_TOKEN = 'https://mcp.example.com'
/** The scripts of a save look at other entries of the index with one save in eight, by a command that such a server lacks. */
const MANY_SAVES = 100
const ACCESS_TOKEN = { accessToken: 'a', resourceUrl: URL_OF_TOKEN }

let server: RedisServer
let db: RedisOAuthDatabase

beforeEach(async () => {
  server = await startServer()
  db = openDatabase({ host: server.host, port: server.port })
})

it('is older than Redis 6.2', () => {
  expect(isTooOld()).toBe(true)
})

describe('a server that is too old', () => {
  it('fails with SERVER_TOO_OLD where a token is stored with an expiry, and stores nothing', async () => {
    const storing = db.storeToken('a', 'one', new Date(Date.now() + HOUR_MS))
    await expect(storing).rejects.toMatchObject({
      code: 'SERVER_TOO_OLD',
      message: expect.stringMatching(/does not take SET .* Use Redis 6\.2 or later, or Valkey$/),
    })
    expect(await db.hasToken('a')).toBe(false)
  })

  it('fails where an access token with an expiry is saved, and stores no record', async () => {
    const token = { ...ACCESS_TOKEN, expiresAt: Math.ceil((Date.now() + HOUR_MS) / 1_000) }
    const saving = db.saveAccessToken('user', URL_OF_TOKEN, token)
    await expect(saving).rejects.toMatchObject({ code: 'SERVER_TOO_OLD' })
    expect(await db.getAccessToken('user', URL_OF_TOKEN)).toBeNull()
  })

  it('is not ready for writing', async () => {
    await expect(db.ready({ write: true })).rejects.toMatchObject({ code: 'SERVER_TOO_OLD' })
  })

  it('takes every access token without an expiry of its own', async () => {
    const urls = Array.from({ length: MANY_SAVES }, (_, i) => `${URL_OF_TOKEN}/${i}`)
    const save = (url: string): Promise<void> => db.saveAccessToken('user', url, ACCESS_TOKEN)
    await Promise.all(urls.map(save))
    expect(await db.listAccessTokens('user')).toHaveLength(MANY_SAVES)
  })

  it('serves what needs nothing newer', async () => {
    await db.storeToken('a', 'one')
    expect(await db.getToken('a')).toBe('one')
    expect(await db.getTokenExpiry('a')).toBe('never')
    expect(await db.listTokens()).toEqual(['a'])
    expect(await db.deleteToken('a')).toBe(true)
  })

  it('is told of by health()', async () => {
    const { nodes, warnings } = await db.health()
    expect(warnings).toContainEqual({
      code: 'SERVER_TOO_OLD',
      server: nodes[0]?.server,
      message: expect.stringMatching(
        `runs Redis ${nodes[0]?.version}: .*Use Redis 6\\.2 or later, or Valkey$`,
      ),
    })
  })
})
