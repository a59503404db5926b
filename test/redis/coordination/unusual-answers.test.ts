import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { openDatabase } from '../../support/scene.js'
import { type RedisServer, startRedis } from '../../support/servers/redis-server.js'

const URL = 'https://server.example/mcp'

let redis: RedisServer

beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis?.stop())

/** Answers the first request with these very bytes, which no HTTP server of Node's would send. Gives its origin. */
async function answering(head: string, encoding: BufferEncoding, body: string): Promise<string> {
  const bytes = Buffer.from(`HTTP/1.1 ${head}\r\nconnection: close\r\n\r\n${body}`, encoding)
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => socket.end(bytes))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const JSON_TYPE = 'content-type: application/json'

/** What `fetch` takes of a server, and `Response` of no program. */
const HEADS: [string, (status: number) => string, BufferEncoding][] = [
  ['a reason phrase in UTF-8', (status) => `${status} 成功\r\n${JSON_TYPE}`, 'utf8'],
  ['a reason phrase in Latin-1', (status) => `${status} erfüllt\r\n${JSON_TYPE}`, 'latin1'],
  ['a control character', (status) => `${status} O\u0001K\r\n${JSON_TYPE}`, 'latin1'],
  ['a header without a name', (status) => `${status} OK\r\n: a\r\n${JSON_TYPE}`, 'latin1'],
  ['a space in a header name', (status) => `${status} OK\r\na b: c\r\n${JSON_TYPE}`, 'latin1'],
]

it('an answer that is another success brings a new pair, which is saved before anyone gets it', async () => {
  const db = openDatabase({ url: redis.url, keyPrefix: 'test:created:' })
  await db.saveAccessToken('alice', URL, {
    accessToken: 'old',
    refreshToken: 'spent',
    resourceUrl: URL,
  })
  await db.getAccessToken('alice', URL)
  const pair = { access_token: 'new', refresh_token: 'next' }
  const fetch = db.coordinatedFetch(async () => Response.json(pair, { status: 201 }))
  const form = { grant_type: 'refresh_token', refresh_token: 'spent', client_id: 'client' }
  const answer = await fetch('https://auth.example/token', {
    method: 'POST',
    body: new URLSearchParams(form),
  })
  expect([answer.ok, await answer.json()]).toEqual([true, pair])
  expect(await db.getAccessToken('alice', URL)).toMatchObject({
    accessToken: 'new',
    refreshToken: 'next',
  })
})

describe.each(HEADS)('an answer with %s', (name, head, encoding) => {
  async function refresh(status: number, body: object) {
    const origin = await answering(head(status), encoding, JSON.stringify(body))
    const db = openDatabase({ url: redis.url, keyPrefix: `test:${name}:${status}:` })
    const old = { accessToken: 'old', refreshToken: 'spent', resourceUrl: URL }
    await db.saveAccessToken('alice', URL, old)
    await db.getAccessToken('alice', URL)
    const form = { grant_type: 'refresh_token', refresh_token: 'spent', client_id: 'client' }
    const answer = await db.coordinatedFetch()(`${origin}/token`, {
      method: 'POST',
      body: new URLSearchParams(form),
    })
    expect([answer.status, answer.headers.get('content-type')]).toEqual([
      status,
      'application/json',
    ])
    expect(await answer.json()).toEqual(body)
    return db.getAccessToken('alice', URL)
  }

  it('brings a new pair, which is saved', async () => {
    expect(await refresh(200, { access_token: 'new', refresh_token: 'next' })).toMatchObject({
      accessToken: 'new',
      refreshToken: 'next',
    })
  })

  it('brings a refusal, which ends the session', async () => {
    expect(await refresh(400, { error: 'invalid_grant' })).toBeNull()
  })

  it('brings a challenge, which asks for no refresh of another server', async () => {
    const challenge = 'www-authenticate: https://other.example error="invalid_grant"'
    const origin = await answering(`${head(401)}\r\n${challenge}`, encoding, 'no')
    const answer = await openDatabase({ url: redis.url }).coordinatedFetch()(origin)
    expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([
      401,
      'https://other.example',
    ])
    expect(await answer.text()).toBe('no')
  })
})
