import { beforeEach, describe, expect, it } from 'vitest'
import type { RedisOAuthDatabase } from '../../../src/index.js'
import { openDatabase, startServer } from '../../support/scene.js'
import type { RedisServer } from '../../support/servers/redis-server.js'

const USER = 'alice'
const URL = 'https://server.example/mcp'
const ISSUER = 'https://auth.example'
const ACCESS_KEY = `atxp:oauth:~access:{${USER}}:${URL}`
const NOT_UTF8 = '\xff'

let redis: RedisServer
let db: RedisOAuthDatabase

beforeEach(async () => {
  redis = await startServer()
  db = openDatabase({ url: redis.url, singleUsePkce: false })
})

/** Puts a record there in which one byte is not UTF-8. */
async function damage(key: string, text: string): Promise<Buffer> {
  const bytes = Buffer.from(text, 'latin1')
  expect(bytes).toContain(0xff)
  await redis.cli('SET', key, bytes)
  return bytes
}

describe('a plain record in which one byte is not UTF-8 is unreadable, and stays as it is:', () => {
  const token = `{"accessToken":"a${NOT_UTF8}","resourceUrl":"${URL}"}`
  const client = `{"clientId":"c","note":"${NOT_UTF8}"}`
  const records: [name: string, key: string, text: string, read: () => Promise<unknown>][] = [
    ['getToken', 'atxp:oauth:t', `token${NOT_UTF8}`, () => db.getToken('t')],
    ['getToken, at its beginning', 'atxp:oauth:t', `${NOT_UTF8}token`, () => db.getToken('t')],
    ['getTokens', 'atxp:oauth:t', `token${NOT_UTF8}`, () => db.getTokens(['u', 't'])],
    ['getAccessToken', ACCESS_KEY, token, () => db.getAccessToken(USER, URL)],
    ['getClientCredentials', `atxp:oauth:~client:${ISSUER}`, client, () => readClient()],
    [
      'getPKCEValues',
      `atxp:oauth:~pkce:{${USER}}:state`,
      `{"codeVerifier":"v${NOT_UTF8}"}`,
      () => db.getPKCEValues(USER, 'state'),
    ],
  ]
  const readClient = () => db.getClientCredentials(ISSUER)

  it.each(records)('%s', async (_name, key, text, read) => {
    const bytes = await damage(key, text)
    await expect(read()).rejects.toMatchObject({ code: 'UNREADABLE_RECORD' })
    expect(await redis.cli<Buffer>('GET', key)).not.toBeNull()
    expect(await redis.cli('STRLEN', key)).toBe(bytes.length)
  })

  it('PKCE values that are read once', async () => {
    const once = openDatabase({ url: redis.url })
    await damage(`atxp:oauth:~pkce:{${USER}}:state`, `{"codeVerifier":"v${NOT_UTF8}"}`)
    await expect(once.getPKCEValues(USER, 'state')).rejects.toMatchObject({
      code: 'UNREADABLE_RECORD',
    })
  })
})

it('the character that stands for damage, U+FFFD, may be in a token or record', async () => {
  const text = '\ufffd a \ufffd'
  await db.storeToken('t', text)
  expect(await db.getToken('t')).toBe(text)
  expect(await db.getTokens(['t'])).toEqual(new Map([['t', text]]))
  await db.saveAccessToken(USER, URL, { accessToken: text, resourceUrl: URL })
  expect(await db.getAccessToken(USER, URL)).toEqual({ accessToken: text, resourceUrl: URL })
})

it('a refresh whose record is damaged meanwhile ends, and so does close()', async () => {
  const record = {
    accessToken: 'old',
    refreshToken: 'r1',
    resourceUrl: URL,
    expiresAt: 1_000_000_000,
  }
  await db.saveAccessToken(USER, URL, record)
  await db.getAccessToken(USER, URL)
  const fetch = db.coordinatedFetch(async () => {
    await damage(
      ACCESS_KEY,
      `{"accessToken":"old","refreshToken":"r1","resourceUrl":"","note":"${NOT_UTF8}"}`,
    )
    return Response.json({ access_token: 'new', refresh_token: 'r2' })
  })
  const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: 'r1' })
  await redis.cli('CONFIG', 'RESETSTAT')
  await fetch(`${ISSUER}/token`, { method: 'POST', body }).catch(() => undefined)
  await db.close()
  const stats = await redis.cli<string>('INFO', 'commandstats')
  expect(Number(/cmdstat_eval:calls=(\d+)/.exec(stats)?.[1] ?? 0)).toBeLessThan(20)
})
