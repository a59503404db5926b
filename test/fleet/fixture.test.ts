import { createHash } from 'node:crypto'
import { atxpClient } from '@atxp/client/dist/atxpClient.js'
import { MemoryOAuthDb } from '@atxp/common'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.js'
import { createAccount } from '../support/fleet/account.mjs'
import {
  type AuthorizationServer,
  controlAuthorizationServer,
  startAuthorizationServer,
} from '../support/fleet/authorization-server.mjs'
import { startMcpServer, type TestMcpServer } from '../support/fleet/mcp-server.mjs'

const REDIRECT_URI = 'http://127.0.0.1/callback'
const ACCOUNT = 'base:0xfixture'
const VERIFIER = 'v'.repeat(43)

let server: AuthorizationServer

beforeAll(async () => {
  server = await startAuthorizationServer()
})
afterEach(() => server.reset())
afterAll(() => server.stop())

interface Registration {
  client_id: string
  client_secret?: string
}

interface Answer {
  status: number
  body: Record<string, unknown>
}

async function register(method = 'client_secret_post'): Promise<Registration> {
  const response = await fetch(`${server.issuer}/register`, {
    method: 'POST',
    body: JSON.stringify({ redirect_uris: [REDIRECT_URI], token_endpoint_auth_method: method }),
  })
  expect(response.status).toBe(201)
  return (await response.json()) as Registration
}

async function authorize(client: Registration, changes: Record<string, string> = {}) {
  const codeChallenge = createHash('sha256').update(VERIFIER).digest('base64url')
  const query = new URLSearchParams({
    client_id: client.client_id,
    redirect_uri: REDIRECT_URI,
    response_type: 'code',
    code_challenge: codeChallenge,
    code_challenge_method: 'S256',
    state: 'some-state',
    redirect: 'false',
    ...changes,
  })
  const jwt = await createAccount(ACCOUNT).paymentMakers.base.generateJWT({ codeChallenge })
  return fetch(`${server.issuer}/authorize?${query}`, {
    headers: { authorization: `Bearer ${jwt}` },
    redirect: 'manual',
  })
}

async function codeFor(client: Registration): Promise<string> {
  const response = await authorize(client)
  const { redirect } = (await response.json()) as { redirect: string }
  return new URL(redirect).searchParams.get('code') ?? ''
}

async function token(
  form: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(`${server.issuer}/token`, {
    method: 'POST',
    headers,
    body: new URLSearchParams(form),
  })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

function credentials({ client_id, client_secret }: Registration): Record<string, string> {
  return client_secret === undefined ? { client_id } : { client_id, client_secret }
}

function redeem(client: Registration, code: string, changes: Record<string, string> = {}) {
  return token({
    grant_type: 'authorization_code',
    code,
    redirect_uri: REDIRECT_URI,
    code_verifier: VERIFIER,
    ...credentials(client),
    ...changes,
  })
}

function refresh(client: Registration, refreshToken: unknown): Promise<Answer> {
  return token({
    grant_type: 'refresh_token',
    refresh_token: String(refreshToken),
    ...credentials(client),
  })
}

async function login(): Promise<{ client: Registration; tokens: Record<string, unknown> }> {
  const client = await register()
  const { body } = await redeem(client, await codeFor(client))
  return { client, tokens: body }
}

const isActive = (accessToken: unknown) => server.introspect(String(accessToken)).active

describe('the authorization server', () => {
  it('gives an access token and a refresh token for a code', async () => {
    const { tokens } = await login()
    expect(tokens).toMatchObject({ token_type: 'Bearer', expires_in: 3600 })
    expect(isActive(tokens.access_token)).toBe(true)
    expect(server.counters()).toMatchObject({
      registrations: 1,
      authorizations: 1,
      codeGrants: 1,
      familiesAlive: 1,
    })
  })

  it('binds a code to its client', async () => {
    const [owner, stranger] = [await register(), await register()]
    const code = await codeFor(owner)
    expect(await redeem(stranger, code)).toMatchObject({
      status: 400,
      body: { error: 'invalid_grant' },
    })
    expect(await redeem(owner, code)).toMatchObject({ status: 200 })
    expect(server.counters()).toMatchObject({ refusedCodes: 1, codeGrants: 1 })
  })

  it.each([
    ['redirect URI', { redirect_uri: 'http://127.0.0.1/other' }],
    ['code verifier', { code_verifier: 'w'.repeat(43) }],
  ])('binds a code to its %s', async (_name, changes) => {
    const client = await register()
    expect(await redeem(client, await codeFor(client), changes)).toMatchObject({
      status: 400,
      body: { error: 'invalid_grant' },
    })
  })

  it('revokes the grant of a code that is redeemed twice', async () => {
    const client = await register()
    const code = await codeFor(client)
    const first = await redeem(client, code)
    const second = await redeem(client, code)
    expect(second).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
    expect(isActive(first.body.access_token)).toBe(false)
    expect(server.counters()).toMatchObject({ codeReuses: 1, familiesRevoked: 1, familiesAlive: 0 })
  })

  it('rotates the refresh token with each refresh', async () => {
    const { client, tokens } = await login()
    const first = await refresh(client, tokens.refresh_token)
    const second = await refresh(client, first.body.refresh_token)
    expect([first.status, second.status]).toEqual([200, 200])
    expect(first.body.refresh_token).not.toBe(tokens.refresh_token)
    expect(server.counters()).toMatchObject({ refreshes: 2, reuseDetections: 0, familiesAlive: 1 })
  })

  it('revokes the whole family when a spent refresh token is presented', async () => {
    const { client, tokens } = await login()
    const newest = await refresh(client, tokens.refresh_token)
    const reused = await refresh(client, tokens.refresh_token)
    expect(reused).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
    expect(isActive(newest.body.access_token)).toBe(false)
    expect(await refresh(client, newest.body.refresh_token)).toMatchObject({ status: 400 })
    expect(server.counters()).toMatchObject({
      reuseDetections: 1,
      familiesRevoked: 1,
      familiesAlive: 0,
      refusedRefreshes: 1,
    })
  })

  it('gives a refresh token to its own client only', async () => {
    const { tokens } = await login()
    expect(await refresh(await register(), tokens.refresh_token)).toMatchObject({
      status: 400,
      body: { error: 'invalid_grant' },
    })
    expect(server.counters()).toMatchObject({ refusedRefreshes: 1, familiesAlive: 1 })
  })

  it('keeps the refresh token good when its answer has none', async () => {
    const { client, tokens } = await login()
    server.configure({ omitRefreshToken: true })
    const first = await refresh(client, tokens.refresh_token)
    expect(first.body).not.toHaveProperty('refresh_token')
    expect(await refresh(client, tokens.refresh_token)).toMatchObject({ status: 200 })
    expect(server.counters()).toMatchObject({ refreshes: 2, reuseDetections: 0 })
  })

  it('gives the same refresh token back when rotation is off', async () => {
    const { client, tokens } = await login()
    server.configure({ rotateRefreshTokens: false })
    const { body } = await refresh(client, tokens.refresh_token)
    expect(body.refresh_token).toBe(tokens.refresh_token)
  })

  it('refuses a refresh token when it is told to', async () => {
    const { client, tokens } = await login()
    server.refuseRefreshTokens()
    expect(await refresh(client, tokens.refresh_token)).toMatchObject({
      status: 400,
      body: { error: 'invalid_grant' },
    })
    expect(isActive(tokens.access_token)).toBe(true)
    expect(server.counters()).toMatchObject({ refusedRefreshes: 1, familiesRevoked: 0 })
  })

  it('holds each client to the way of authenticating that it registered', async () => {
    const [post, basic, none] = await Promise.all(
      ['client_secret_post', 'client_secret_basic', 'none'].map(register),
    )
    if (!post || !basic || !none) throw new Error('three clients were registered')
    const header = ({ client_id, client_secret }: Registration) => ({
      authorization: `Basic ${Buffer.from(`${client_id}:${client_secret}`).toString('base64')}`,
    })
    const form = { grant_type: 'refresh_token', refresh_token: 'any' }
    const outcomes = await Promise.all([
      token({ ...form, ...credentials(post) }),
      token(form, header(basic)),
      token({ ...form, ...credentials(none) }),
      token({ ...form, ...credentials(basic) }),
      token(form, header(post)),
      token({ ...form, client_id: post.client_id }),
      token({ ...form, client_id: none.client_id, client_secret: 'surplus' }),
    ])
    // A client that passes is told about its refresh token (400), one that does not about itself (401).
    expect(outcomes.map(({ status }) => status)).toEqual([400, 400, 400, 401, 401, 401, 401])
    expect(server.counters()).toMatchObject({ refusedClients: 4 })
  })

  it('knows a forgotten client no more, neither to authorize nor for a token', async () => {
    const { client, tokens } = await login()
    server.forgetClients(client.client_id)
    expect((await authorize(client)).status).toBe(400)
    expect(await refresh(client, tokens.refresh_token)).toMatchObject({
      status: 401,
      body: { error: 'invalid_client' },
    })
  })

  it.each([
    ['an unregistered redirect URI', { redirect_uri: 'http://127.0.0.1/evil' }],
    ['a plain code challenge', { code_challenge_method: 'plain' }],
    ['no state', { state: '' }],
    ['another response type', { response_type: 'token' }],
  ])('authorizes nothing with %s', async (_name, changes) => {
    expect((await authorize(await register(), changes)).status).toBe(400)
  })

  it('authorizes nothing for a JWT that was signed for another challenge', async () => {
    const codeChallenge = 'c'.repeat(43)
    const response = await authorize(await register(), { code_challenge: codeChallenge })
    expect(response.status).toBe(401)
  })

  it('redirects where a client does not ask for JSON', async () => {
    const response = await authorize(await register(), { redirect: '' })
    expect(response.status).toBe(302)
    expect(response.headers.get('location')).toContain(`${REDIRECT_URI}?code=`)
  })

  it('introspects for clients that authenticate', async () => {
    const { tokens } = await login()
    const client = await register('client_secret_basic')
    const ask = (authorization: string, accessToken: unknown) =>
      fetch(`${server.issuer}/introspect`, {
        method: 'POST',
        headers: { authorization },
        body: new URLSearchParams({ token: String(accessToken) }),
      })
    const pair = Buffer.from(`${client.client_id}:${client.client_secret}`).toString('base64')
    const known = await ask(`Basic ${pair}`, tokens.access_token)
    expect(await known.json()).toMatchObject({ active: true, sub: ACCOUNT })
    const unknown = await ask(`Basic ${pair}`, 'nothing of this server')
    expect(await unknown.json()).toEqual({ active: false })
    expect((await ask('Basic bm9ib2R5Og==', tokens.access_token)).status).toBe(401)
  })

  it('answers 503 before acting, after which the same refresh token is still good', async () => {
    const { client, tokens } = await login()
    server.failTokenRequests({ point: 'before', times: 2 })
    const statuses = []
    for (let i = 0; i < 3; i += 1) {
      statuses.push((await refresh(client, tokens.refresh_token)).status)
    }
    expect(statuses).toEqual([503, 503, 200])
  })

  it('answers 503 after acting, after which the refresh token is spent', async () => {
    const { client, tokens } = await login()
    server.failTokenRequests({ point: 'after' })
    expect((await refresh(client, tokens.refresh_token)).status).toBe(503)
    expect((await refresh(client, tokens.refresh_token)).status).toBe(400)
    expect(server.counters()).toMatchObject({ refreshes: 1, reuseDetections: 1 })
  })

  it('does not act on a held request whose sender has gone', async () => {
    const { client, tokens } = await login()
    const hold = server.holdTokenRequest({ point: 'before' })
    const sender = new AbortController()
    const sent = fetch(`${server.issuer}/token`, {
      method: 'POST',
      signal: sender.signal,
      body: new URLSearchParams({
        grant_type: 'refresh_token',
        refresh_token: String(tokens.refresh_token),
        ...credentials(client),
      }),
    })
    await server.reached(hold)
    sender.abort()
    await expect(sent).rejects.toThrow()
    await eventually(() => server.counters().abandonedTokenRequests === 1)
    server.release(hold)
    expect((await refresh(client, tokens.refresh_token)).status).toBe(200)
    expect(server.counters()).toMatchObject({ refreshes: 1, reuseDetections: 0 })
  })

  it('has acted on a request that is held after it', async () => {
    const { client, tokens } = await login()
    const hold = server.holdTokenRequest({ point: 'after' })
    const answer = refresh(client, tokens.refresh_token)
    await server.reached(hold)
    expect(server.counters()).toMatchObject({ refreshes: 1 })
    server.release(hold)
    expect((await answer).status).toBe(200)
  })

  it('takes the same orders from another process', async () => {
    const control = controlAuthorizationServer(server.issuer)
    const { client, tokens } = await login()
    expect(await control.counters?.()).toEqual(server.counters())
    const hold = await control.holdTokenRequest?.({ point: 'before' })
    const answer = refresh(client, tokens.refresh_token)
    await control.reached?.(hold)
    await control.release?.(hold)
    expect((await answer).status).toBe(200)
    await expect(control.unheardOf?.()).rejects.toThrow(/no control unheardOf/)
  })
})

describe('the published client between both servers', () => {
  let mcp: TestMcpServer
  const silence = { debug() {}, info() {}, warn() {}, error() {} }

  beforeAll(async () => {
    mcp = await startMcpServer({ issuer: server.issuer, introspect: server.introspect })
  })
  afterEach(() => mcp.reset())
  afterAll(() => mcp.stop())

  async function connect(path?: string, oAuthDb = new MemoryOAuthDb({ logger: silence })) {
    const streamsBefore = mcp.counters().refusedEventStreams
    const client = await atxpClient({
      mcpServer: mcp.url(path),
      account: createAccount(ACCOUNT),
      allowedAuthorizationServers: [server.issuer as `http://${string}`],
      allowHttp: true,
      oAuthDb,
      logger: silence,
    })
    // Connecting ends with a GET in the background, which would refresh a token that expires before it was answered.
    await eventually(() => mcp.counters().refusedEventStreams > streamsBefore)
    return client
  }

  it('logs in and calls the tool', async () => {
    const client = await connect()
    expect(await client.callTool({ name: 'whoami', arguments: {} })).toMatchObject({
      content: [{ text: `${ACCOUNT} at /mcp` }],
    })
    expect(server.counters()).toMatchObject({ registrations: 1, authorizations: 1, refreshes: 0 })
    await client.close()
  })

  it('refreshes after a challenge with an error', async () => {
    const client = await connect()
    server.expireAccessTokens()
    await client.callTool({ name: 'whoami', arguments: {} })
    expect(server.counters()).toMatchObject({ authorizations: 1, refreshes: 1 })
    await client.close()
  })

  it('authorizes anew after a plain challenge', async () => {
    const client = await connect()
    mcp.configure({ refreshHint: false })
    server.expireAccessTokens()
    await client.callTool({ name: 'whoami', arguments: {} })
    expect(server.counters()).toMatchObject({ authorizations: 2, refreshes: 0 })
    await client.close()
  })

  it('uses the token of a parent path', async () => {
    const oAuthDb = new MemoryOAuthDb({ logger: silence })
    const parent = await connect('/mcp', oAuthDb)
    const child = await connect('/mcp/child/leaf', oAuthDb)
    expect(await child.callTool({ name: 'whoami', arguments: {} })).toMatchObject({
      content: [{ text: `${ACCOUNT} at /mcp/child/leaf` }],
    })
    expect(server.counters()).toMatchObject({ authorizations: 1 })
    await Promise.all([parent.close(), child.close()])
  })

  it('asks for metadata together with others where the server gathers them', async () => {
    server.gatherMetadataRequests(2)
    const first = connect()
    await eventually(() => server.counters().metadataRequests === 1)
    // Another login takes longer than the first client would need to register.
    await login()
    expect(server.counters()).toMatchObject({ registrations: 1 })
    const second = connect()
    for (const client of await Promise.all([first, second])) await client.close()
    expect(server.counters()).toMatchObject({ registrations: 3 })
  })

  it('loses its session with eight parallel calls, as nothing coordinates their refreshes', async () => {
    const client = await connect()
    server.expireAccessTokens()
    const calls = Array.from({ length: 8 }, () =>
      client.callTool({ name: 'whoami', arguments: {} }),
    )
    const outcomes = await Promise.allSettled(calls)
    expect(outcomes.some(({ status }) => status === 'rejected')).toBe(true)
    expect(server.counters().reuseDetections).toBeGreaterThan(0)
    expect(server.counters().familiesRevoked).toBe(1)
    await client.close()
  })
})
