import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { finishMcpLogin } from '../../../src/mcp.js'
import { FLOWS, McpScene, USER } from '../../support/mcp/scene.js'
import { SDKS } from '../../support/mcp/sdks.mjs'
import { openDatabase } from '../../support/scene.js'
import { bareClient } from '../../support/servers/bare-client.js'

// Authorization servers without metadata, which SDKs of version 1 take, and those whose endpoints are of another origin.

const EVIL = 'https://evil.example'
const ACCOUNTS = 'https://accounts.example'

let scene: McpScene

beforeAll(async () => {
  scene = await McpScene.start()
})
afterAll(() => scene?.stop())
beforeEach(() => scene.begin())

const isMetadata = (url: URL): boolean =>
  /\/(oauth-authorization-server|openid-configuration)/.test(url.pathname)

/** The servers of the scene, with this metadata of their authorization server, which has this name, or none. */
function fetchWith(issuer: string, metadata?: object): typeof fetch {
  return (async (input: string | URL, init?: RequestInit) => {
    const url = new URL(input)
    if (isMetadata(url)) {
      const isIts = metadata !== undefined && url.origin === issuer
      return isIts ? Response.json(metadata) : new Response('', { status: 404 })
    }
    if (url.pathname.includes('oauth-protected-resource')) {
      return Response.json({ resource: scene.serverUrl, authorization_servers: [issuer] })
    }
    return fetch(input, init)
  }) as typeof fetch
}

/** Begins a login; gives its callback, from this issuer. */
async function beginLogin(fetch: typeof globalThis.fetch, iss: string): Promise<URL> {
  const provider = scene.provider({ fetch })
  expect(await FLOWS.v1(scene, provider, provider.fetch)).toBe('REDIRECT')
  const callback = new URL(await scene.agree())
  callback.searchParams.set('iss', iss)
  return callback
}

/** Where the tokens in the record are said to be from. */
async function originOfTokens(): Promise<{ issuer?: string; endpoint?: string } | undefined> {
  const [key = ''] = await scene.keysWith('~access:')
  const record = await bareClient({ path: scene.redis.path }).get(key)
  return JSON.parse(record ?? '{}')['~']
}

/** By two processes, one of which has two clients. */
async function expectOneRefresh(fetch: typeof globalThis.fetch): Promise<void> {
  const { refreshes } = scene.authorizationServer.counters()
  const other = openDatabase({ url: scene.redis.url, keyPrefix: scene.keyPrefix })
  scene.authorizationServer.expireAccessTokens()
  const outcomes = [scene.db, scene.db, other].map((db) => {
    const provider = scene.provider({ db, fetch })
    return FLOWS.v1(scene, provider, provider.fetch)
  })
  expect(await Promise.all(outcomes)).toEqual(Array(3).fill('AUTHORIZED'))
  expect(scene.authorizationServer.counters()).toMatchObject({
    refreshes: refreshes + 1,
    reuseDetections: 0,
    familiesRevoked: 0,
  })
}

it('a server that names the token endpoint of one without metadata has no part in its sessions', async () => {
  const { issuer } = scene.authorizationServer
  const metadata = { issuer: EVIL, token_endpoint: `${issuer}/token` }
  const evil = scene.provider({ userId: 'user_456', fetch: fetchWith(EVIL, metadata) })
  await evil.fetch(`${EVIL}/.well-known/oauth-authorization-server`)
  const bare = fetchWith(issuer)
  const callbackUrl = await beginLogin(bare, issuer)
  await finishMcpLogin({ db: scene.db, callbackUrl, userId: USER, fetch: bare })
  expect(await originOfTokens()).toBeUndefined()
  await expectOneRefresh(bare)
  expect(await originOfTokens()).not.toHaveProperty('issuer')
  metadata.token_endpoint = `${EVIL}/token`
  await evil.fetch(`${EVIL}/.well-known/oauth-authorization-server`)
  await expectOneRefresh(bare)
})

it.each(['finishMcpLogin', 'v1', 'v2'] as const)(
  'tokens are of an issuer of another origin that a login has found in another process: by %s',
  async (finishing) => {
    const { issuer: endpoints } = scene.authorizationServer
    const apart = fetchWith(ACCOUNTS, {
      issuer: ACCOUNTS,
      authorization_endpoint: `${endpoints}/authorize`,
      token_endpoint: `${endpoints}/token`,
      registration_endpoint: `${endpoints}/register`,
      response_types_supported: ['code'],
      code_challenge_methods_supported: ['S256'],
    })
    const db = openDatabase({ url: scene.redis.url, keyPrefix: scene.keyPrefix })
    const callback = await beginLogin(apart, ACCOUNTS)
    if (finishing === 'finishMcpLogin') {
      await finishMcpLogin({ db, callbackUrl: callback, userId: USER, fetch: apart })
    } else {
      const provider = scene.provider({ db, fetch: apart })
      await (await SDKS[finishing](scene.serverUrl, provider)).finishAuth(callback)
    }
    const origin = { issuer: ACCOUNTS, endpoint: `${endpoints}/token` }
    expect(await originOfTokens()).toMatchObject(origin)
    await expectOneRefresh(apart)
    expect(await originOfTokens()).toMatchObject(origin)
  },
)
