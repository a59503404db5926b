import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { challengeOf } from '../../../src/mcp/client-memory.js'
import { finishMcpLogin } from '../../../src/mcp.js'
import { FLOWS, McpScene, USER } from '../../support/mcp/scene.js'

const FAILED = { code: 'LOGIN_FAILED' }

let scene: McpScene

beforeAll(async () => {
  scene = await McpScene.start()
})
afterAll(() => scene?.stop())
beforeEach(() => scene.begin())

it('a login at one authorization server is no login at another that names the same endpoint', async () => {
  const provider = scene.provider()
  const evil = 'https://evil.example'
  const good = 'https://auth.example'
  for (const issuer of [good, evil]) {
    const authorizationServerMetadata = {
      issuer,
      authorization_endpoint: `${good}/authorize`,
      token_endpoint: `${issuer}/token`,
    }
    provider.saveDiscoveryState({ authorizationServerUrl: issuer, authorizationServerMetadata })
    await provider.saveClientInformation?.({ client_id: 'id', issuer }, { issuer })
  }
  provider.saveCodeVerifier('verifier')
  const url = new URL(`${good}/authorize?state=a&client_id=id`)
  url.searchParams.set('code_challenge', challengeOf('verifier'))
  await provider.redirectToAuthorization(url)
  const sent: string[] = []
  await finishMcpLogin({
    db: scene.db,
    callbackUrl: '/callback?code=code&state=a',
    userId: USER,
    fetch: async (endpoint) => {
      sent.push(String(endpoint))
      return Response.json({ access_token: 'a', token_type: 'Bearer' })
    },
  })
  expect(sent).toEqual([`${good}/token`])
})

it('a login at an authorization server whose issuer has moved within its origin is one at the new issuer', async () => {
  const provider = scene.provider()
  const origin = 'https://auth.example'
  for (const issuer of [origin, `${origin}/tenant`]) {
    const authorizationServerMetadata = { issuer, authorization_endpoint: `${origin}/authorize` }
    provider.saveDiscoveryState({ authorizationServerUrl: issuer, authorizationServerMetadata })
    await provider.saveClientInformation?.({ client_id: `id of ${issuer}`, issuer }, { issuer })
  }
  provider.saveCodeVerifier('verifier')
  const url = new URL(`${origin}/authorize?state=a&client_id=id of ${origin}/tenant`)
  url.searchParams.set('code_challenge', challengeOf('verifier'))
  await provider.redirectToAuthorization(url)
  const begun = await scene.provider().discoveryState()
  expect(begun?.authorizationServerUrl).toBe(`${origin}/tenant`)
})

it('what one login binds a client to, that was registered beforehand, is no part of another login', async () => {
  const provider = scene.provider({ clientInformation: { client_id: 'id' } })
  const [good, evil] = ['https://auth.example/', 'https://evil.example/']
  await provider.clientInformation()
  for (const authorizationServerUrl of [good, evil]) {
    const tokenEndpoint = `${authorizationServerUrl}token`
    const server = { issuer: authorizationServerUrl, authorizationServerUrl, tokenEndpoint }
    provider.saveAuthorizationServerInformation?.(server)
  }
  provider.saveCodeVerifier('verifier')
  const url = new URL(`${good}authorize?state=a&client_id=id`)
  url.searchParams.set('code_challenge', challengeOf('verifier'))
  await provider.redirectToAuthorization(url)
  await finishMcpLogin({
    db: scene.db,
    callbackUrl: '/callback?code=code&state=a',
    userId: USER,
    fetch: async () => Response.json({ access_token: 'a', token_type: 'Bearer' }),
  })
  expect(JSON.stringify(await provider.tokens())).not.toContain('evil')
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

  it('has none forgotten that the client was handed before', async () => {
    const provider = scene.provider({ fetch: lying({}) })
    const client = { client_id: 'public', issuer }
    await provider.saveClientInformation?.(client, { issuer })
    provider.saveDiscoveryState({
      authorizationServerUrl: EVIL,
      authorizationServerMetadata: { issuer, token_endpoint: `${EVIL}/token` },
    })
    const body = new URLSearchParams({ grant_type: 'authorization_code', client_id: 'public' })
    await provider.fetch(`${EVIL}/token`, { method: 'POST', body })
    await provider.invalidateCredentials('all')
    expect(await provider.clientInformation({ issuer })).toEqual(client)
  })

  /** Ends a login of the client `public` at the liar. */
  async function loggingIn(provider: ReturnType<typeof scene.provider>): Promise<unknown> {
    provider.saveCodeVerifier('verifier')
    const url = new URL(`${EVIL}/authorize?state=a&client_id=public`)
    url.searchParams.set('code_challenge', challengeOf('verifier'))
    await provider.redirectToAuthorization(url)
    const callbackUrl = '/callback?code=code&state=a'
    return finishMcpLogin({ db: scene.db, callbackUrl, userId: USER, fetch: lying({}) })
  }

  it('has none forgotten by the end of a login', async () => {
    const provider = scene.provider()
    const client = { client_id: 'public', issuer }
    await provider.saveClientInformation?.(client, { issuer })
    provider.saveDiscoveryState({
      authorizationServerUrl: EVIL,
      authorizationServerMetadata: { issuer, authorization_endpoint: `${EVIL}/authorize` },
    })
    await expect(loggingIn(provider)).rejects.toMatchObject(FAILED)
    expect(sent.join()).toContain('client_id=public')
    expect(await provider.clientInformation({ issuer })).toEqual(client)
  })

  it('is sent no secret of the other, whose client id it gives out', async () => {
    const provider = scene.provider()
    const honest = { client_id: 'public', client_secret: 'honest', issuer }
    await provider.saveClientInformation?.(honest, { issuer })
    provider.saveDiscoveryState({
      authorizationServerUrl: EVIL,
      authorizationServerMetadata: { issuer, authorization_endpoint: `${EVIL}/authorize` },
    })
    // As early SDKs do, without the issuer.
    await provider.saveClientInformation?.({ client_id: 'public' })
    await expect(loggingIn(provider)).rejects.toMatchObject(FAILED)
    expect(sent.join()).toContain('code=code')
    expect(sent.join()).not.toContain(btoa('public:honest'))
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

  it.each([
    ['the issuer of the other', 200],
    ['its own, with a status that SDKs take', 201],
  ])('gets no client that is shared by those of the other: it names %s', async (_, status) => {
    const honest = scene.provider()
    expect(await FLOWS.v1(scene, honest, honest.fetch)).toBe('REDIRECT')
    const metadataOf = (name: string) => ({
      issuer: name,
      authorization_endpoint: `${EVIL}/authorize`,
      token_endpoint: `${EVIL}/token`,
      registration_endpoint: `${issuer}/register`,
      response_types_supported: ['code'],
      code_challenge_methods_supported: ['S256'],
    })
    const others = lying({})
    const provider = scene.provider({
      userId: 'user_456',
      fetch: (async (url: string | URL, init?: RequestInit) =>
        String(url).startsWith(`${EVIL}/.well-known/`)
          ? Response.json(metadataOf(status === 200 ? issuer : EVIL), { status })
          : others(url, init)) as typeof fetch,
    })
    // Its MCP server has named the other first.
    await provider.fetch(`${issuer}/.well-known/oauth-authorization-server`)
    expect(await FLOWS.v1(scene, provider, provider.fetch)).toBe('REDIRECT')
    const clients = scene.urls.map(({ searchParams }) => searchParams.get('client_id'))
    expect(new Set(clients).size).toBe(2)
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
