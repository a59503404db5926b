import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { registrations, sessions } from '../../../src/admin.js'
import { finishMcpLogin, type McpOAuthProvider, type McpTokens } from '../../../src/mcp.js'
import { FLOWS, McpScene, REDIRECT_URL, USER } from '../../support/mcp/scene.js'
import { SDKS } from '../../support/mcp/sdks.mjs'
import { openDatabase } from '../../support/scene.js'
import { bareClient } from '../../support/servers/bare-client.js'

const NOT_FOUND = { code: 'LOGIN_NOT_FOUND' }
const FAILED = { code: 'LOGIN_FAILED' }

let scene: McpScene

beforeAll(async () => {
  scene = await McpScene.start()
})
afterAll(() => scene?.stop())
beforeEach(() => scene.begin())

/** Begins a login, and gives the callback of a browser that agreed. */
async function begin(provider: McpOAuthProvider = scene.provider()): Promise<URL> {
  expect(await FLOWS.v1(scene, provider, provider.fetch)).toBe('REDIRECT')
  return new URL(await scene.agree())
}

function altered(callback: URL, change: (parameters: URLSearchParams) => void): string {
  const url = new URL(callback)
  change(url.searchParams)
  return url.href
}

describe.each(['v1', 'v2', 'ai'] as const)('a client of %s', (sdk) => {
  const clientOf = (provider: McpOAuthProvider) => SDKS[sdk](scene.serverUrl, provider)

  it('logs in, calls, and renews its tokens', async () => {
    await expect((await clientOf(scene.provider())).connect()).rejects.toThrow()
    await scene.finish(await scene.agree())
    const session = await (await clientOf(scene.provider())).connect()
    expect(await session.whoami()).toBe(`${USER} at /mcp`)
    scene.authorizationServer.expireAccessTokens()
    expect(await session.whoami()).toBe(`${USER} at /mcp`)
    await session.close()
    expect(scene.authorizationServer.counters()).toMatchObject({
      registrations: 1,
      codeGrants: 1,
      refreshes: 1,
      familiesRevoked: 0,
    })
  })

  it("finishes a login by the SDK's own call, in another process", async () => {
    await expect((await clientOf(scene.provider())).connect()).rejects.toThrow()
    const callback = new URL(await scene.agree())
    await (await clientOf(scene.provider())).finishAuth(callback)
    await expect((await clientOf(scene.provider())).finishAuth(callback)).rejects.toThrow()
    const session = await (await clientOf(scene.provider())).connect()
    expect(await session.whoami()).toBe(`${USER} at /mcp`)
    await session.close()
    expect(scene.authorizationServer.counters().codeReuses).toBe(0)
  })

  it('finishes the newest login also in a process that has begun one before', async () => {
    const before = scene.provider()
    for (const provider of [before, scene.provider()]) {
      await expect((await clientOf(provider)).connect()).rejects.toThrow()
    }
    await (await clientOf(before)).finishAuth(new URL(await scene.agree()))
    expect(scene.authorizationServer.counters()).toMatchObject({ codeGrants: 1, refusedCodes: 0 })
  })

  it('logs in as a client that was registered beforehand', async () => {
    const { issuer } = scene.authorizationServer
    const response = await fetch(`${issuer}/register`, {
      method: 'POST',
      body: JSON.stringify({ redirect_uris: [REDIRECT_URL] }),
    })
    const client = (await response.json()) as { client_id: string }
    const clientInformation = { ...client, issuer }
    const known = () => clientOf(scene.provider({ clientInformation }))
    await expect((await known()).connect()).rejects.toThrow()
    await scene.finish(await scene.agree())
    scene.authorizationServer.expireAccessTokens()
    const session = await (await known()).connect()
    expect(await session.whoami()).toBe(`${USER} at /mcp`)
    await session.close()
    expect(scene.authorizationServer.counters()).toMatchObject({ registrations: 1, refreshes: 1 })
    await scene.db.deleteUser(USER)
    await expect((await known()).connect()).rejects.toThrow()
    await (await known()).finishAuth(new URL(await scene.agree()))
    expect(await scene.provider().tokens()).toBeDefined()
  })

  it('registers anew when the authorization server has forgotten the client', async () => {
    await expect((await clientOf(scene.provider())).connect()).rejects.toThrow()
    await scene.finish(await scene.agree())
    scene.authorizationServer.forgetClients()
    scene.authorizationServer.expireAccessTokens()
    await expect((await clientOf(scene.provider())).connect()).rejects.toThrow()
    await scene.finish(await scene.agree())
    const session = await (await clientOf(scene.provider())).connect()
    expect(await session.whoami()).toBe(`${USER} at /mcp`)
    await session.close()
    expect(scene.authorizationServer.counters().registrations).toBe(2)
  })
})

describe('a callback', () => {
  it('that comes twice at once finishes one login', async () => {
    const { href } = await begin()
    const finished = await Promise.allSettled([scene.finish(href), scene.finish(href)])
    expect(finished.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    await expect(scene.finish(href)).rejects.toMatchObject(NOT_FOUND)
    expect(scene.authorizationServer.counters()).toMatchObject({ codeGrants: 1, codeReuses: 0 })
  })

  it.each([
    ['an unknown state', (query: URLSearchParams) => query.set('state', 'unknown')],
    ['no state', (query: URLSearchParams) => query.delete('state')],
  ])('with %s is not found, and ends no login', async (_what, change) => {
    const callback = await begin()
    await expect(scene.finish(altered(callback, change))).rejects.toMatchObject(NOT_FOUND)
    await scene.finish(callback.href)
  })

  it("in another user's browser is not found, and ends no login", async () => {
    const { href } = await begin()
    await expect(scene.finish(href, 'user_456')).rejects.toMatchObject(NOT_FOUND)
    expect(await sessions(scene.db, 'user_456')).toEqual([])
    await scene.finish(href)
  })

  it('after ten minutes is not found: what a login has kept is gone then', async () => {
    const { href } = await begin()
    const [key = ''] = await scene.keysWith('~pkce:')
    const redis = bareClient({ path: scene.redis.path })
    const leftMs = await redis.pttl(key)
    expect(leftMs).toBeGreaterThan(500_000)
    expect(leftMs).toBeLessThanOrEqual(600_000)
    await redis.pexpire(key, 0)
    await expect(scene.finish(href)).rejects.toMatchObject(NOT_FOUND)
  })

  it.each([
    ['answers 503', async () => new Response('away', { status: 503 })],
    ['cannot be reached', () => Promise.reject(new TypeError('fetch failed'))],
  ])('finishes its login later where the authorization server %s', async (_what, answer) => {
    const { href } = await begin()
    const options = { db: scene.db, callbackUrl: href, userId: USER }
    await expect(finishMcpLogin({ ...options, fetch: answer })).rejects.toMatchObject({
      code: 'LOGIN_FAILED',
      message: expect.stringContaining('Open the callback URL again'),
    })
    await scene.finish(href)
    await expect(scene.finish(href)).rejects.toMatchObject(NOT_FOUND)
  })

  it('has the rest of its time for another try, and not all of it', async () => {
    const { href } = await begin()
    const begunAt = Date.now()
    vi.useFakeTimers({ toFake: ['Date'], now: begunAt + 400_000 })
    try {
      const fetch = async () => new Response('away', { status: 503 })
      const options = { db: scene.db, callbackUrl: href, userId: USER, fetch }
      await expect(finishMcpLogin(options)).rejects.toMatchObject(FAILED)
    } finally {
      vi.useRealTimers()
    }
    const [key = ''] = await scene.keysWith('~pkce:')
    const leftMs = await bareClient({ path: scene.redis.path }).pttl(key)
    expect(leftMs).toBeGreaterThan(100_000)
    expect(leftMs).toBeLessThanOrEqual(200_000)
  })

  it.each([
    ['of another issuer', (query: URLSearchParams) => query.set('iss', 'https://evil.example')],
    ['without the issuer that was promised', (query: URLSearchParams) => query.delete('iss')],
  ])('%s fails, and its code is sent nowhere', async (_what, change) => {
    const callback = await begin()
    await expect(scene.finish(altered(callback, change))).rejects.toMatchObject(FAILED)
    expect(scene.authorizationServer.counters()).toMatchObject({ codeGrants: 0, refusedCodes: 0 })
    expect(await sessions(scene.db, USER)).toEqual([])
  })

  it('of a user who did not agree fails with the error that the server gave, and not with its words', async () => {
    const callback = altered(await begin(), (query) => {
      query.delete('code')
      query.set('error', 'access_denied')
      query.set('error_description', 'words of the server')
    })
    const failure = await scene.finish(callback).catch((error: Error) => error)
    expect(failure).toMatchObject(FAILED)
    expect(String(failure)).toContain('access_denied')
    expect(String(failure)).not.toContain('words')
  })

  it('with a code that is refused fails, and says no secret', async () => {
    const callback = altered(await begin(), (query) => query.set('code', 'code-secret-forged'))
    const failure = await scene.finish(callback).catch((error: Error) => error)
    expect(failure).toMatchObject(FAILED)
    expect(String((failure as Error).stack)).not.toMatch(/-secret-/)
  })

  it('for a client that is forgotten fails, and the next login registers anew, whichever process was called back', async () => {
    const { href } = await begin()
    scene.authorizationServer.forgetClients()
    const db = openDatabase({ url: scene.redis.url, keyPrefix: scene.keyPrefix })
    const finished = finishMcpLogin({ db, callbackUrl: href, userId: USER })
    await expect(finished).rejects.toMatchObject(FAILED)
    await scene.finish((await begin()).href)
    expect(scene.authorizationServer.counters().registrations).toBe(2)
  })

  it('may be given as the path of a request', async () => {
    const { pathname, search } = await begin()
    const finished = await finishMcpLogin({
      db: scene.db,
      callbackUrl: pathname + search,
      userId: USER,
    })
    expect(finished).toEqual({ serverUrl: scene.serverUrl })
  })
})

describe('the newest login', () => {
  it('is so by the clock of Redis, whatever those of the processes say', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 300_000 })
    try {
      await begin()
    } finally {
      vi.useRealTimers()
    }
    await (await SDKS.v1(scene.serverUrl, scene.provider())).finishAuth(await begin())
    expect(scene.authorizationServer.counters()).toMatchObject({ codeGrants: 1, refusedCodes: 0 })
  })

  it('is found among many without a look at all of them, each of which may be large', async () => {
    for (let logins = 0; logins < 12; logins += 1) await begin()
    const { searchParams } = await begin()
    const redis = bareClient({ path: scene.redis.path })
    await redis.config('RESETSTAT')
    expect(await scene.provider().storedState()).toBe(searchParams.get('state'))
    // The index, and eight logins.
    expect(await redis.info('stats')).toContain('keyspace_hits:9\r\n')
    const other = scene.provider({ serverUrl: 'https://other.example' })
    expect(await other.storedState()).toBeUndefined()
  })
})

describe('what is kept', () => {
  it('is a session and a registration for an operator to see, and goes with its user', async () => {
    await scene.logIn()
    expect(await sessions(scene.db, USER)).toMatchObject([
      { url: scene.serverUrl, resourceUrl: scene.serverUrl, hasRefreshToken: true },
    ])
    const found = []
    for await (const one of registrations(scene.db)) found.push(one)
    expect(found).toMatchObject([
      {
        serverUrl: scene.authorizationServer.issuer,
        role: 'mcp-client',
        redirectUri: REDIRECT_URL,
        isReadable: true,
      },
    ])
    await begin(scene.provider({ serverUrl: `${scene.serverUrl}/other` }))
    expect(await scene.db.deleteUser(USER)).toBe(2)
    expect(await scene.provider().tokens()).toBeUndefined()
  })

  it('serves the ATXP client too: one session of a user and a server', async () => {
    await scene.logIn()
    const record = await scene.db.getAccessToken(USER, scene.serverUrl)
    const tokens = (await scene.provider().tokens()) as McpTokens
    expect(record).toMatchObject({
      accessToken: tokens.access_token,
      refreshToken: tokens.refresh_token,
    })
    expect(await scene.db.getClientCredentials(scene.authorizationServer.issuer)).toBeNull()
  })

  it('shows no secret and no name in Redis with encryption and hashed names, and is found all the same', async () => {
    const db = openDatabase({
      url: scene.redis.url,
      keyPrefix: scene.keyPrefix,
      encryption: { keys: [{ id: 'k1', key: randomBytes(32) }] },
      hashKeys: { key: randomBytes(32) },
    })
    const provider = scene.provider({ db })
    const callback = await begin(provider)
    // By the SDK's own call, in a process that does not know the state.
    const elsewhere = scene.provider({ db })
    await (await SDKS.v1(scene.serverUrl, elsewhere)).finishAuth(callback)
    expect((await elsewhere.tokens())?.refresh_token).toBeDefined()
    const redis = bareClient({ path: scene.redis.path })
    for (const key of await scene.keysWith('')) {
      expect(key).not.toMatch(/user_123|127\.0\.0\.1/)
      const value = await redis.getBuffer(key).catch(() => Buffer.alloc(0))
      expect(String(value)).not.toMatch(/-secret-|user_123|127\.0\.0\.1/)
    }
  })
})

describe('a client that was registered beforehand', () => {
  it('logs in with @ai-sdk/mcp where metadata stands at the root of the authorization server that is named', async () => {
    const { issuer } = scene.authorizationServer
    const response = await fetch(`${issuer}/register`, {
      method: 'POST',
      body: JSON.stringify({ redirect_uris: [REDIRECT_URL] }),
    })
    const client = (await response.json()) as { client_id: string }
    const resource = { resource: scene.serverUrl, authorization_servers: [`${issuer}/mcp`] }
    const below = (async (url: string | URL, init?: RequestInit) =>
      String(url).includes('oauth-protected-resource')
        ? Response.json(resource)
        : fetch(url, init)) as typeof fetch
    const options = { clientInformation: { ...client, issuer }, fetch: below }
    const known = () => SDKS.ai(scene.serverUrl, scene.provider(options))
    await expect((await known()).connect()).rejects.toThrow('Unauthorized')
    await scene.finish(await scene.agree())
    scene.authorizationServer.expireAccessTokens()
    const session = await (await known()).connect()
    expect(await session.whoami()).toBe(`${USER} at /mcp`)
    await session.close()
    expect(scene.authorizationServer.counters().refreshes).toBe(1)
  })

  it.each(['client_secret_basic', 'client_secret_post', 'none'])(
    'authenticates by %s as it registered',
    async (token_endpoint_auth_method) => {
      const { issuer } = scene.authorizationServer
      const response = await fetch(`${issuer}/register`, {
        method: 'POST',
        body: JSON.stringify({ redirect_uris: [REDIRECT_URL], token_endpoint_auth_method }),
      })
      const client = (await response.json()) as { client_id: string }
      const provider = scene.provider({ clientInformation: { ...client, issuer } })
      expect(provider.saveClientInformation).toBeUndefined()
      await scene.finish((await begin(provider)).href)
      expect(await FLOWS.v2(scene, provider, provider.fetch)).toBe('AUTHORIZED')
      expect(scene.authorizationServer.counters()).toMatchObject({
        registrations: 1,
        codeGrants: 1,
      })
    },
  )
})

it('another user finds nothing of a session, nor another server', async () => {
  await scene.logIn()
  expect(await scene.provider({ userId: 'user_456' }).tokens()).toBeUndefined()
  expect(await scene.provider({ serverUrl: 'https://other.example' }).tokens()).toBeUndefined()
})
