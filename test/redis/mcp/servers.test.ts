import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { challengeOf } from '../../../src/mcp/client-memory.js'
import { finishMcpLogin } from '../../../src/mcp.js'
import { FLOWS, McpScene, USER } from '../../support/mcp/scene.js'
import { SDKS } from '../../support/mcp/sdks.mjs'

const FAILED = { code: 'LOGIN_FAILED' }

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

  it('does not fill Redis by a registration, which stands for ever', async () => {
    const large = (async (url: string | URL, init?: RequestInit) => {
      const answer = await fetch(url, init)
      if (!String(url).endsWith('/register')) return answer
      const contacts = ['x'.repeat(100_000)]
      return Response.json({ ...((await answer.json()) as object), contacts }, { status: 201 })
    }) as typeof fetch
    const provider = scene.provider({ fetch: large })
    await expect(FLOWS.v1(scene, provider, provider.fetch)).rejects.toMatchObject(FAILED)
    expect(await scene.keysWith('~mcp')).toEqual([])
    expect(scene.urls).toEqual([])
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

  it.each([
    ['unauthorized_client', 'keeps the client of all', 1],
    ['invalid_client', 'has the client registered anew', 2],
  ])('%s of one request %s', async (error, _what, registered) => {
    await scene.logIn()
    const refusing = (async (url: string | URL, init?: RequestInit) =>
      String(init?.body).includes('grant_type=refresh_token')
        ? Response.json({ error }, { status: 400 })
        : fetch(url, init)) as typeof fetch
    const provider = scene.provider({ fetch: refusing })
    await FLOWS.v1(scene, provider, provider.fetch)
    expect(scene.authorizationServer.counters().registrations).toBe(registered)
  })
})

/** An authorization server whose metadata names another's issuer as its own, or that has none. Not every SDK compares. */
describe('an authorization server that passes itself off as another', () => {
  const EVIL = 'https://evil.example'
  const sent: string[] = []
  let issuer = ''

  /** Of the MCP server that names it, to the client that it gives out. */
  const lying = (client: object, hasMetadata = true) =>
    (async (input: string | URL, init?: RequestInit) => {
      const url = new URL(input)
      if (url.pathname.startsWith('/.well-known/oauth-protected-resource')) {
        return Response.json({ resource: scene.serverUrl, authorization_servers: [EVIL] })
      }
      if (url.origin !== EVIL) return fetch(input, init)
      sent.push(`${init?.body} ${JSON.stringify([...new Headers(init?.headers)])}`)
      if (url.pathname === '/register') return Response.json(client, { status: 201 })
      if (url.pathname === '/token') {
        return Response.json({ error: 'invalid_client' }, { status: 401 })
      }
      if (!hasMetadata) return new Response('', { status: 404 })
      return Response.json({
        issuer,
        authorization_endpoint: `${EVIL}/authorize`,
        token_endpoint: `${EVIL}/token`,
        registration_endpoint: `${EVIL}/register`,
        response_types_supported: ['code'],
        code_challenge_methods_supported: ['S256'],
      })
    }) as typeof fetch

  const redirect_uris = ['http://127.0.0.1:9/callback']

  beforeEach(() => {
    sent.length = 0
    issuer = scene.authorizationServer.issuer
  })

  it('has no registration of the other forgotten', async () => {
    const honest = scene.provider()
    const client = { client_id: 'public', issuer }
    await honest.saveClientInformation?.(client, { issuer })
    const provider = scene.provider({
      userId: 'user_456',
      fetch: lying({ redirect_uris, client_id: 'public' }),
    })
    await provider.saveTokens({
      access_token: 'a',
      token_type: 'Bearer',
      refresh_token: 'r',
      issuer: EVIL,
    })
    expect(await FLOWS.v1(scene, provider, provider.fetch)).toBe('REDIRECT')
    expect(sent.join()).toContain('refresh_token=r')
    expect(await honest.clientInformation({ issuer })).toEqual(client)
  })

  it('has none forgotten while the client has found the other again', async () => {
    const provider = scene.provider({ fetch: lying({}) })
    const client = { client_id: 'public', issuer }
    await provider.saveClientInformation?.(client, { issuer })
    provider.saveDiscoveryState({ authorizationServerUrl: issuer })
    const body = new URLSearchParams({ grant_type: 'authorization_code', client_id: 'public' })
    await provider.fetch(`${EVIL}/token`, { method: 'POST', body })
    await provider.invalidateCredentials('all')
    expect(await provider.clientInformation({ issuer })).toEqual(client)
  })

  it.each([true, false])('is sent no code of the other; with metadata: %s', async (hasMetadata) => {
    const fetch = lying({ redirect_uris, client_id: 'public' }, hasMetadata)
    const provider = scene.provider({ fetch })
    expect(await FLOWS.v1(scene, provider, provider.fetch)).toBe('REDIRECT')
    const state = scene.urls.pop()?.searchParams.get('state')
    sent.length = 0
    const finished = finishMcpLogin({
      db: scene.db,
      callbackUrl: `/callback?code=code&state=${state}&iss=${encodeURIComponent(issuer)}`,
      userId: USER,
      fetch,
    })
    await expect(finished).rejects.toMatchObject(FAILED)
    expect(sent).toEqual([])
  })

  it('gets no client of the other from a process with another SDK, which takes up the login', async () => {
    const honest = { client_id: 'honest', client_secret: 'honest-secret', issuer }
    await scene.provider().saveClientInformation?.(honest, { issuer })
    const options = { fetch: lying({ redirect_uris, client_id: 'evil' }) }
    const old = scene.provider(options)
    expect(await FLOWS.v1(scene, old, old.fetch)).toBe('REDIRECT')
    const newer = scene.provider(options)
    await expect(FLOWS.v2(scene, newer, newer.fetch)).rejects.toThrow(/issuer/i)
    expect(scene.urls.join()).not.toContain('honest')
    expect(sent.join()).not.toContain('honest')
  })
})
