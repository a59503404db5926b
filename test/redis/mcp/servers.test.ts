import { DpopSession } from '@modelcontextprotocol/client'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { AccessToken } from '../../../src/index.js'
import { challengeOf } from '../../../src/mcp/client-memory.js'
import { finishMcpLogin } from '../../../src/mcp.js'
import { FLOWS, McpScene, USER } from '../../support/mcp/scene.js'
import { SDKS } from '../../support/mcp/sdks.mjs'
import { openDatabase } from '../../support/scene.js'

const FAILED = { code: 'LOGIN_FAILED' }

const LARGE = [
  ['long', `"${'x'.repeat(300_000)}"`],
  ['nested', '['.repeat(100_000) + ']'.repeat(100_000)],
] as const

let scene: McpScene

beforeAll(async () => {
  scene = await McpScene.start()
})
afterAll(() => scene?.stop())
beforeEach(() => scene.begin())

describe('what servers say', () => {
  it('sends no secret of one authorization server to another that gives out the same client id', async () => {
    await scene.logIn()
    const { issuer } = scene.authorizationServer
    const client = await scene.provider().clientInformation({ issuer })
    const provider = scene.provider()
    const evil = 'https://evil.example'
    provider.saveDiscoveryState({
      authorizationServerUrl: evil,
      authorizationServerMetadata: {
        issuer: evil,
        authorization_endpoint: `${evil}/authorize`,
        token_endpoint: `${evil}/token`,
      },
    })
    await provider.saveClientInformation?.(
      { client_id: client?.client_id ?? '', issuer: evil },
      { issuer: evil },
    )
    // Of a login at the other one that has begun at the same moment.
    await provider.clientInformation({ issuer })
    provider.saveCodeVerifier('verifier')
    const url = new URL(`${evil}/authorize?state=a&client_id=${client?.client_id}`)
    url.searchParams.set('code_challenge', challengeOf('verifier'))
    await provider.redirectToAuthorization(url)
    const sent: string[] = []
    await finishMcpLogin({
      db: scene.db,
      callbackUrl: `/callback?code=code&state=a&iss=${evil}`,
      userId: USER,
      fetch: async (_url, init) => {
        sent.push(JSON.stringify(init), String(init?.body))
        return Response.json({ access_token: 'a', token_type: 'Bearer' })
      },
    })
    expect(client?.client_secret).toBeDefined()
    expect(sent.join()).toContain('code_verifier=verifier')
    expect(sent.join()).not.toMatch(/client-secret|Basic /)
  })

  it('sends a code to no MCP server in place of an authorization server without metadata', async () => {
    const sent: string[] = []
    const bare = (async (url: string | URL, init?: RequestInit) =>
      String(url).includes('/.well-known/oauth-authorization-server') ||
      String(url).includes('/.well-known/openid-configuration')
        ? new Response('', { status: 404 })
        : fetch(url, init)) as typeof fetch
    // By which the SDK authenticates there.
    const clientMetadata = { token_endpoint_auth_method: 'client_secret_post' }
    const client = () => SDKS.ai(scene.serverUrl, scene.provider({ fetch: bare, clientMetadata }))
    await expect((await client()).connect()).rejects.toThrow()
    await finishMcpLogin({
      db: scene.db,
      callbackUrl: await scene.agree(),
      userId: USER,
      fetch: async (url, init) => {
        sent.push(new URL(url).origin)
        return bare(url, init as RequestInit)
      },
    })
    expect(sent).toEqual([scene.authorizationServer.issuer])
    scene.authorizationServer.expireAccessTokens()
    const session = await (await client()).connect()
    expect(await session.whoami()).toBe(`${USER} at /mcp`)
    await session.close()
    expect(scene.authorizationServer.counters()).toMatchObject({ registrations: 1, refreshes: 1 })
  })

  it.each([
    ['https://server.example/mcp', 0],
    // As a developer has it between containers.
    ['http://server/mcp', 1],
  ])(
    'sends a login at %s to an authorization server without TLS: %i times',
    async (serverUrl, times) => {
      const authorizationServerUrl = 'http://auth.example/'
      const provider = scene.provider({ serverUrl })
      provider.saveDiscoveryState({ authorizationServerUrl })
      await provider.saveClientInformation?.({ client_id: 'id', issuer: authorizationServerUrl })
      provider.saveCodeVerifier('verifier')
      const url = new URL(`${authorizationServerUrl}authorize?state=a&client_id=id`)
      url.searchParams.set('code_challenge', challengeOf('verifier'))
      await provider.redirectToAuthorization(url)
      let sent = 0
      const finished = finishMcpLogin({
        db: scene.db,
        callbackUrl: '/callback?code=code&state=a',
        userId: USER,
        fetch: async () => {
          sent += 1
          return Response.json({ error: 'invalid_grant' }, { status: 400 })
        },
      })
      await expect(finished).rejects.toMatchObject(FAILED)
      expect(sent).toBe(times)
    },
  )

  it('does not fill Redis', async () => {
    const large = (async (url: string | URL, init?: RequestInit) => {
      const answer = await fetch(url, init)
      if (!String(url).includes('oauth-authorization-server')) return answer
      return Response.json({ ...((await answer.json()) as object), padding: 'x'.repeat(300_000) })
    }) as typeof fetch
    const provider = scene.provider({ fetch: large })
    await expect(FLOWS.v1(scene, provider, provider.fetch)).rejects.toMatchObject(FAILED)
    expect(await scene.keysWith('~pkce:')).toEqual([])
    expect(scene.urls).toEqual([])
  })

  it.each(LARGE)('does not fill the memory by metadata that is %s', (_what, padding) => {
    const authorizationServerMetadata = { padding: JSON.parse(padding) }
    const state = { authorizationServerUrl: 'https://evil.example', authorizationServerMetadata }
    expect(() => scene.provider().saveDiscoveryState(state)).toThrow(/too large/)
  })

  it.each(LARGE)('does not fill Redis by a registration that is %s', async (_what, padding) => {
    const large = (async (url: string | URL, init?: RequestInit) => {
      const answer = await fetch(url, init)
      if (!String(url).endsWith('/register')) return answer
      const client = JSON.stringify(await answer.json())
      return new Response(`{"jwks":${padding},${client.slice(1)}`, { status: 201 })
    }) as typeof fetch
    const provider = scene.provider({ fetch: large })
    await expect(FLOWS.v1(scene, provider, provider.fetch)).rejects.toMatchObject(FAILED)
    expect(await scene.keysWith('~mcp')).toEqual([])
    expect(scene.urls).toEqual([])
  })

  const tokens = { access_token: 'access', token_type: 'Bearer' }

  /** Finishes a login at a server that answers the code so. */
  async function finishWith(status: number, body: object): Promise<AccessToken | null> {
    const provider = scene.provider()
    await FLOWS.v1(scene, provider, provider.fetch)
    const callbackUrl = await scene.agree()
    const answering = async () => Response.json(body, { status })
    await finishMcpLogin({ db: scene.db, callbackUrl, userId: USER, fetch: answering })
    return scene.db.getAccessToken(USER, scene.serverUrl)
  }

  it('does not fill Redis by what comes with tokens', async () => {
    const padding = 'x'.repeat(100_000)
    const record = await finishWith(200, { ...tokens, refresh_token: 'refresh', padding })
    expect(record).toMatchObject({ accessToken: 'access', refreshToken: 'refresh' })
    expect(record).toHaveProperty('issuer', scene.authorizationServer.issuer)
    expect(record).not.toHaveProperty('padding')
    await scene.provider().saveTokens({ ...tokens, access_token: 'next', padding } as typeof tokens)
    expect(await scene.provider().tokens()).toEqual({ ...tokens, access_token: 'next' })
  })

  it.each([
    ['a refresh token', { refresh_token: 5 }],
    ['an expiry', { expires_in: { toString: 1, valueOf: 1 } }],
  ])('says what is not %s', async (_what, members) => {
    const record = await finishWith(200, { ...tokens, ...members })
    expect(record).toMatchObject({ accessToken: 'access' })
    expect(record).not.toHaveProperty('refreshToken')
    expect(record).not.toHaveProperty('expiresAt')
  })

  it('says nothing of who issued its tokens, and no expiry before now', async () => {
    const stamps = { issuer: 'evil', authorization_server: 'evil', token_endpoint: 'evil' }
    const record = await finishWith(200, {
      ...tokens,
      ...stamps,
      expires_in: -1e12,
      refresh_token: 'r',
    })
    expect(JSON.stringify(record)).not.toContain('evil')
    expect(record?.expiresAt).toBeGreaterThan(1_000_000_000)
  })

  it('says what is not an error', async () => {
    const finished = finishWith(400, { error: { toString: 1, valueOf: 1 } })
    await expect(finished).rejects.toMatchObject(FAILED)
  })

  it('reads no metadata without end', async () => {
    let pulls = 0
    const body = new ReadableStream({
      pull(controller) {
        pulls += 1
        if (pulls > 100) controller.error(new Error('read too far'))
        else controller.enqueue(new Uint8Array(65_536))
      },
    })
    const provider = scene.provider({ fetch: async () => new Response(body) })
    const url = 'https://evil.example/.well-known/oauth-authorization-server'
    expect((await provider.fetch(url)).status).toBe(200)
    expect(pulls).toBeLessThan(30)
  })

  it('registers one client for all processes also with status 200, which SDKs take', async () => {
    const answering = (async (url: string | URL, init?: RequestInit) => {
      const answer = await fetch(url, init)
      return String(url).endsWith('/register') ? Response.json(await answer.json()) : answer
    }) as typeof fetch
    scene.authorizationServer.gatherMetadataRequests(3)
    const flows = [1, 2, 3].map(() => {
      const db = openDatabase({ url: scene.redis.url, keyPrefix: scene.keyPrefix })
      const provider = scene.provider({ db, fetch: answering })
      return FLOWS.v1(scene, provider, provider.fetch)
    })
    expect(await Promise.all(flows)).toEqual(['REDIRECT', 'REDIRECT', 'REDIRECT'])
    expect(scene.authorizationServer.counters().registrations).toBe(1)
  })

  const refusing = (error: string, status = 400) =>
    (async (url: string | URL, init?: RequestInit) =>
      String(init?.body).includes('grant_type=refresh_token')
        ? Response.json({ error }, { status })
        : fetch(url, init)) as typeof fetch

  it.each([200, 201])(
    'keeps a login that brings the same access token with status %i',
    async (status) => {
      const token = { access_token: 'same', token_type: 'Bearer' }
      await scene.provider().saveTokens({ ...token, refresh_token: 'old' })
      const tokens = { ...token, refresh_token: 'new' }
      const answering = (async () => Response.json(tokens, { status })) as typeof fetch
      const provider = scene.provider({ fetch: answering })
      await provider.tokens()
      const body = new URLSearchParams({
        grant_type: 'authorization_code',
        code: 'a',
        client_id: 'a',
      })
      await provider.fetch('https://auth.example/token', { method: 'POST', body })
      await provider.saveTokens(tokens)
      expect((await provider.tokens())?.refresh_token).toBe('new')
    },
  )

  it.each([400, 404, 422])('ends a session by invalid_grant with status %i', async (status) => {
    await scene.logIn()
    const provider = scene.provider({ fetch: refusing('invalid_grant', status) })
    expect(await FLOWS.v1(scene, provider, provider.fetch)).toBe('REDIRECT')
    expect(await provider.tokens()).toBeUndefined()
  })

  it.each([
    ['unauthorized_client', 400, 'keeps the client of all', 1],
    ['invalid_client', 400, 'has the client registered anew', 2],
    ['invalid_client', 404, 'has the client registered anew', 2],
  ])('%s of one request with status %i %s', async (error, status, _what, registered) => {
    await scene.logIn()
    const provider = scene.provider({ fetch: refusing(error, status) })
    await FLOWS.v1(scene, provider, provider.fetch)
    expect(scene.authorizationServer.counters().registrations).toBe(registered)
  })

  it.each([
    ['invalid_grant', 1],
    ['invalid_client', 2],
  ])('%s to a refresh with DPoP ends in a login, of client %i', async (error, registered) => {
    await scene.logIn()
    const session = await DpopSession.create()
    const provider = { ...scene.provider({ fetch: refusing(error) }), dpop: () => session }
    expect(await FLOWS.v2(scene, provider, provider.fetch)).toBe('REDIRECT')
    expect(scene.authorizationServer.counters().registrations).toBe(registered)
  })
})
