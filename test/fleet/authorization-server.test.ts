import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.js'
import {
  type AuthorizationServer,
  startAuthorizationServer,
} from '../support/fleet/authorization-server.mjs'
import {
  ACCOUNT,
  createRawClient,
  credentials,
  type Registration,
} from '../support/fleet/raw-client.js'

let server: AuthorizationServer
let raw: ReturnType<typeof createRawClient>

beforeAll(async () => {
  server = await startAuthorizationServer()
  raw = createRawClient(server.issuer)
})
afterEach(() => server.reset())
afterAll(() => server.stop())

const isActive = (accessToken: unknown) => server.introspect(String(accessToken)).active

describe('the authorization server', () => {
  it('gives an access token and a refresh token for a code', async () => {
    const { tokens } = await raw.login()
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
    const [owner, stranger] = [await raw.register(), await raw.register()]
    const code = await raw.codeFor(owner)
    expect(await raw.redeem(stranger, code)).toMatchObject({
      status: 400,
      body: { error: 'invalid_grant' },
    })
    expect(await raw.redeem(owner, code)).toMatchObject({ status: 200 })
    expect(server.counters()).toMatchObject({ refusedCodes: 1, codeGrants: 1 })
  })

  it.each([
    ['redirect URI', { redirect_uri: 'http://127.0.0.1/other' }],
    ['code verifier', { code_verifier: 'w'.repeat(43) }],
  ])('binds a code to its %s', async (_name, changes) => {
    const client = await raw.register()
    expect(await raw.redeem(client, await raw.codeFor(client), changes)).toMatchObject({
      status: 400,
      body: { error: 'invalid_grant' },
    })
  })

  it('revokes the grant of a code that is redeemed twice', async () => {
    const client = await raw.register()
    const code = await raw.codeFor(client)
    const first = await raw.redeem(client, code)
    const second = await raw.redeem(client, code)
    expect(second).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
    expect(isActive(first.body.access_token)).toBe(false)
    expect(server.counters()).toMatchObject({ codeReuses: 1, familiesRevoked: 1, familiesAlive: 0 })
  })

  it('rotates the refresh token with each refresh', async () => {
    const { client, tokens } = await raw.login()
    const first = await raw.refresh(client, tokens.refresh_token)
    const second = await raw.refresh(client, first.body.refresh_token)
    expect([first.status, second.status]).toEqual([200, 200])
    expect(first.body.refresh_token).not.toBe(tokens.refresh_token)
    expect(server.counters()).toMatchObject({ refreshes: 2, reuseDetections: 0, familiesAlive: 1 })
  })

  it('revokes the whole family when a spent refresh token is presented', async () => {
    const { client, tokens } = await raw.login()
    const newest = await raw.refresh(client, tokens.refresh_token)
    const reused = await raw.refresh(client, tokens.refresh_token)
    expect(reused).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
    expect(isActive(newest.body.access_token)).toBe(false)
    expect(await raw.refresh(client, newest.body.refresh_token)).toMatchObject({ status: 400 })
    expect(server.counters()).toMatchObject({
      reuseDetections: 1,
      familiesRevoked: 1,
      familiesAlive: 0,
      refusedRefreshes: 1,
    })
  })

  it('gives a refresh token to its own client only', async () => {
    const { tokens } = await raw.login()
    expect(await raw.refresh(await raw.register(), tokens.refresh_token)).toMatchObject({
      status: 400,
      body: { error: 'invalid_grant' },
    })
    expect(server.counters()).toMatchObject({ refusedRefreshes: 1, familiesAlive: 1 })
  })

  it('keeps the refresh token good when its answer has none', async () => {
    const { client, tokens } = await raw.login()
    server.configure({ omitRefreshToken: true })
    const first = await raw.refresh(client, tokens.refresh_token)
    expect(first.body).not.toHaveProperty('refresh_token')
    expect(await raw.refresh(client, tokens.refresh_token)).toMatchObject({ status: 200 })
    expect(server.counters()).toMatchObject({ refreshes: 2, reuseDetections: 0 })
  })

  it('gives the same refresh token back when rotation is off', async () => {
    const { client, tokens } = await raw.login()
    server.configure({ rotateRefreshTokens: false })
    const { body } = await raw.refresh(client, tokens.refresh_token)
    expect(body.refresh_token).toBe(tokens.refresh_token)
  })

  it('refuses a refresh token when it is told to', async () => {
    const { client, tokens } = await raw.login()
    server.refuseRefreshTokens()
    expect(await raw.refresh(client, tokens.refresh_token)).toMatchObject({
      status: 400,
      body: { error: 'invalid_grant' },
    })
    expect(isActive(tokens.access_token)).toBe(true)
    expect(server.counters()).toMatchObject({ refusedRefreshes: 1, familiesRevoked: 0 })
  })

  it('holds each client to the way of authenticating that it registered', async () => {
    const [post, basic, none] = await Promise.all(
      ['client_secret_post', 'client_secret_basic', 'none'].map(raw.register),
    )
    if (!post || !basic || !none) throw new Error('three clients were registered')
    const header = ({ client_id, client_secret }: Registration) => ({
      authorization: `Basic ${Buffer.from(`${client_id}:${client_secret}`).toString('base64')}`,
    })
    const form = { grant_type: 'refresh_token', refresh_token: 'any' }
    const outcomes = await Promise.all([
      raw.token({ ...form, ...credentials(post) }),
      raw.token(form, header(basic)),
      raw.token({ ...form, ...credentials(none) }),
      raw.token({ ...form, ...credentials(basic) }),
      raw.token(form, header(post)),
      raw.token({ ...form, client_id: post.client_id }),
      raw.token({ ...form, client_id: none.client_id, client_secret: 'surplus' }),
    ])
    // A client that passes is told about its refresh token (400), one that does not about itself (401).
    expect(outcomes.map(({ status }) => status)).toEqual([400, 400, 400, 401, 401, 401, 401])
    expect(server.counters()).toMatchObject({ refusedClients: 4 })
  })

  it('knows a forgotten client no more, neither to authorize nor for a token', async () => {
    const { client, tokens } = await raw.login()
    server.forgetClients(client.client_id)
    expect((await raw.authorize(client)).status).toBe(400)
    expect(await raw.refresh(client, tokens.refresh_token)).toMatchObject({
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
    expect((await raw.authorize(await raw.register(), changes)).status).toBe(400)
  })

  it('authorizes nothing for a JWT that was signed for another challenge', async () => {
    const codeChallenge = 'c'.repeat(43)
    const response = await raw.authorize(await raw.register(), { code_challenge: codeChallenge })
    expect(response.status).toBe(401)
  })

  it('redirects where a client does not ask for JSON', async () => {
    const response = await raw.authorize(await raw.register(), { redirect: '' })
    expect(response.status).toBe(302)
    expect(response.headers.get('location')).toContain('http://127.0.0.1/callback?code=')
  })

  it('introspects for clients that authenticate', async () => {
    const { tokens } = await raw.login()
    const client = await raw.register('client_secret_basic')
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
    const { client, tokens } = await raw.login()
    server.failTokenRequests({ point: 'before', times: 2 })
    const statuses = []
    for (let i = 0; i < 3; i += 1) {
      statuses.push((await raw.refresh(client, tokens.refresh_token)).status)
    }
    expect(statuses).toEqual([503, 503, 200])
  })

  it('answers 503 after acting, after which the refresh token is spent', async () => {
    const { client, tokens } = await raw.login()
    server.failTokenRequests({ point: 'after' })
    expect((await raw.refresh(client, tokens.refresh_token)).status).toBe(503)
    expect((await raw.refresh(client, tokens.refresh_token)).status).toBe(400)
    expect(server.counters()).toMatchObject({ refreshes: 1, reuseDetections: 1 })
  })

  it('does not act on a held request whose sender has gone', async () => {
    const { client, tokens } = await raw.login()
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
    expect((await raw.refresh(client, tokens.refresh_token)).status).toBe(200)
    expect(server.counters()).toMatchObject({ refreshes: 1, reuseDetections: 0 })
  })

  it('has acted on a request that is held after it', async () => {
    const { client, tokens } = await raw.login()
    const hold = server.holdTokenRequest({ point: 'after' })
    const answer = raw.refresh(client, tokens.refresh_token)
    await server.reached(hold)
    expect(server.counters()).toMatchObject({ refreshes: 1 })
    server.release(hold)
    expect((await answer).status).toBe(200)
  })
})
