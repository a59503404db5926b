import { OAuthResourceClient } from '@atxp/common'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { exportRecords, importRecords } from '../../../src/admin.js'
import type { AccessToken, RedisOAuthDatabase } from '../../../src/index.js'
import { metadataOf } from '../../support/oauth/discovery.js'
import { openDatabase } from '../../support/scene.js'
import { type RedisServer, startRedis } from '../../support/servers/redis-server.js'

const MCP_URL = 'https://server.example/mcp'
const TOKEN_URL = 'https://auth.example/token'
const SILENT = { debug() {}, info() {}, warn() {}, error() {} }
const LIMIT = 65_536
const NESTED = '['.repeat(300_000) + ']'.repeat(300_000)

let redis: RedisServer

beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis?.stop())

const open = (keyPrefix: string) => openDatabase({ url: redis.url, keyPrefix })

describe('an authorization server that says much with each refresh', () => {
  /** Refreshes the token of one session, with this beside the new pair, and gives how long its record is then. */
  async function refresh(db: RedisOAuthDatabase, prefix: string, members: string): Promise<number> {
    const { refreshToken = 'first' } = (await db.getAccessToken('alice', MCP_URL)) ?? {}
    const fetch = db.coordinatedFetch(
      async () =>
        new Response(`{"access_token":"a","refresh_token":"${refreshToken}+",${members}}`),
    )
    const form = { grant_type: 'refresh_token', refresh_token: refreshToken, client_id: 'client' }
    const answer = await fetch(TOKEN_URL, { method: 'POST', body: new URLSearchParams(form) })
    expect(answer.status).toBe(200)
    expect((await db.getAccessToken('alice', MCP_URL))?.refreshToken).toBe(`${refreshToken}+`)
    return redis.cli<number>('STRLEN', `${prefix}~access:{alice}:${MCP_URL}`)
  }

  async function begin(prefix: string): Promise<RedisOAuthDatabase> {
    const db = open(prefix)
    const old = { accessToken: 'old', refreshToken: 'first', resourceUrl: MCP_URL }
    await db.saveAccessToken('alice', MCP_URL, old)
    return db
  }

  it('has each pair saved, and no record that grows', async () => {
    const db = await begin('test:growing:')
    for (let round = 0; round < 8; round += 1) {
      const length = await refresh(db, 'test:growing:', `"m${round}":"${'x'.repeat(20_000)}"`)
      expect(length).toBeLessThan(LIMIT + 1_000)
    }
    expect(Object.keys((await db.getAccessToken('alice', MCP_URL)) ?? {})).toContain('m2')
  })

  it('has a pair saved that is longer than what it may add', async () => {
    const db = await begin('test:long:')
    const length = await refresh(db, 'test:long:', `"access_token":"${'x'.repeat(900_000)}","m":1`)
    expect(length).toBeGreaterThan(900_000)
    expect(Object.keys((await db.getAccessToken('alice', MCP_URL)) ?? {})).not.toContain('m')
  })

  it('has a pair saved beside what nests too deeply for JSON', async () => {
    await refresh(await begin('test:nested:'), 'test:nested:', `"m":${NESTED}`)
  })

  // Without a refresh token the one that was sent stays, and the answer is made anew.
  it.each([
    ['"m"', NESTED],
    ['"expires_in"', NESTED],
    ['"expires_in"', '{"toString":1,"valueOf":1}'],
  ])(
    'has %s of a kind that cannot be converted left out, and the pair handed on',
    async (name, value) => {
      const db = await begin(`test:kept:${name}:${value.length}:`)
      const old = await db.getAccessToken('alice', MCP_URL)
      await db.saveAccessToken('alice', MCP_URL, { ...old, note: 'hers' } as AccessToken)
      await db.getAccessToken('alice', MCP_URL)
      const body = `{"access_token":"new","scope":"all",${name}:${value}}`
      const fetch = db.coordinatedFetch(async () => new Response(body))
      const form = { grant_type: 'refresh_token', refresh_token: 'first', client_id: 'client' }
      const answer = await fetch(TOKEN_URL, { method: 'POST', body: new URLSearchParams(form) })
      const pair = { access_token: 'new', refresh_token: 'first' }
      const handedOn = await answer.json()
      expect(handedOn).toMatchObject(pair)
      // One refresh token may stand in the records of several users.
      expect(handedOn).not.toHaveProperty('note')
      const record = { accessToken: 'new', refreshToken: 'first' }
      expect(await db.getAccessToken('alice', MCP_URL)).toMatchObject(record)
    },
  )
})

describe('an authorization server with a long registration', () => {
  const SERVERS = { evil: 'https://evil.example', honest: 'https://honest.example' }

  it('has it refused once for each call, and no other server notices', async () => {
    const db = open('test:registrations:')
    const registered: string[] = []
    const answer = async (url: string | URL) => {
      const { origin, pathname } = new URL(url)
      if (pathname.startsWith('/.well-known/')) return Response.json(metadataOf(origin))
      if (pathname === '/introspect') return Response.json({ active: true })
      registered.push(origin)
      const client_secret = 'x'.repeat(origin === SERVERS.evil ? LIMIT : 100)
      const client = { client_id: 'id', client_secret, client_secret_expires_at: 0 }
      return Response.json(client, { status: 201 })
    }
    const client = new OAuthResourceClient({
      db,
      clientName: 'test',
      logger: SILENT,
      sideChannelFetch: db.coordinatedFetch(answer),
    })
    const introspectAt = (issuer: string) =>
      client.introspectToken(issuer, 'token').then(({ active }) => active, String)
    expect(await introspectAt(SERVERS.evil)).toBe(
      'TypeError: credentials must have at most 65536 characters as JSON, with serverUrl',
    )
    expect(await introspectAt(SERVERS.honest)).toBe(true)
    expect(registered).toEqual([SERVERS.evil, SERVERS.honest])
    expect(await redis.cli('KEYS', 'test:registrations:~client:*')).toEqual([
      `test:registrations:~client:${SERVERS.honest}`,
    ])
  })

  it.each(['client', 'resource'])('is refused by its name too, as a %s', async (role) => {
    const db = open(`test:${role}:`)
    const credentials = { clientId: 'id', clientSecret: '', redirectUri: '' }
    const at = `${SERVERS.evil}/${'x'.repeat(LIMIT)}`
    const own = role === 'client' ? db : db.forResourceServer()
    await expect(own.saveClientCredentials(at, credentials)).rejects.toThrow(TypeError)
  })

  it('which stands from before is read and moved as any other', async () => {
    const [db, other] = [open('test:old:'), open('test:new:')]
    const credentials = { clientId: 'id', clientSecret: 'x'.repeat(100_000), redirectUri: '' }
    await redis.cli('SET', `test:old:~client:${SERVERS.honest}`, JSON.stringify(credentials))
    const plain = { secrets: 'plain' } as const
    expect(await importRecords(other, exportRecords(db, plain), plain)).toMatchObject({ added: 1 })
    expect(await other.getClientCredentials(SERVERS.honest)).toEqual(credentials)
  })
})
