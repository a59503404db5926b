import { auth as authV1 } from '@modelcontextprotocol/sdk/client/auth.js'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { McpOAuthProvider, McpTokens } from '../../../src/mcp.js'
import { memoryStore } from '../../support/mcp/naive-provider.mjs'
import { FLOWS, McpScene, USER } from '../../support/mcp/scene.js'
import { SDKS } from '../../support/mcp/sdks.mjs'
import { openDatabase, startProxy } from '../../support/scene.js'

let scene: McpScene

beforeAll(async () => {
  scene = await McpScene.start()
})
afterAll(() => scene?.stop())
beforeEach(() => scene.begin())

const isRefresh = (init: unknown): boolean =>
  String((init as { body?: unknown } | undefined)?.body).includes('grant_type=refresh_token')

/** Logs a user in with the hand-made provider, by the SDK's own call. */
async function logInNaively(provider = scene.naive(), userId = USER): Promise<void> {
  await authV1(provider, { serverUrl: scene.serverUrl })
  const authorizationCode = codeIn(await scene.agree(userId))
  await authV1(provider, { serverUrl: scene.serverUrl, authorizationCode })
}

function codeIn(callbackUrl: string): string {
  return new URL(callbackUrl).searchParams.get('code') ?? ''
}

/** Holds one refresh until another process has logged in anew, and has it refused then. Gives what stands there in the end. */
async function refuseLate(
  refresh: () => Promise<unknown>,
  logInAnew: () => Promise<McpTokens>,
): Promise<McpTokens> {
  const { authorizationServer } = scene
  const held = authorizationServer.holdTokenRequest({
    grantType: 'refresh_token',
    point: 'before',
  })
  const late = refresh()
  await authorizationServer.reached(held)
  authorizationServer.refuseRefreshTokens()
  const renewed = await logInAnew()
  authorizationServer.release(held)
  await late
  return renewed
}

describe.each(['v1', 'v2'] as const)('a client of %s', (sdk) => {
  const flow = FLOWS[sdk]

  describe('whose refresh is refused after another process has logged in anew', () => {
    const other = 'user_456'

    it('deletes the new login without a look, with a hand-made provider', async () => {
      await logInNaively()
      const renewed = await refuseLate(
        () => flow(scene, scene.naive()),
        async () => {
          const stranger = scene.naive({ userId: other })
          await logInNaively(stranger, other)
          const tokens = await stranger.tokens()
          await scene.naive().saveTokens(tokens)
          return tokens
        },
      )
      expect(await scene.naive().tokens()).not.toEqual(renewed)
      expect(scene.urls.length).toBe(1)
    })

    it('keeps the new login, and goes on with it', async () => {
      await scene.logIn()
      const provider = scene.provider()
      const renewed = await refuseLate(
        () => flow(scene, provider, provider.fetch),
        async () => {
          const stranger = scene.provider({ userId: other })
          await scene.logIn(stranger, other)
          const tokens = (await stranger.tokens()) as McpTokens
          await scene.provider().saveTokens(tokens)
          return tokens
        },
      )
      expect((await provider.tokens())?.access_token).toBe(renewed.access_token)
      expect(scene.urls).toEqual([])
    })
  })

  describe('whose refresh fails without an answer', () => {
    const failing = (fetch: McpOAuthProvider['fetch'] | typeof globalThis.fetch) =>
      (async (url: string | URL, init?: RequestInit) => {
        if (isRefresh(init)) throw new TypeError('fetch failed')
        return fetch(url, init)
      }) as typeof globalThis.fetch

    it('asks the user to log in, with a hand-made provider', async () => {
      await logInNaively()
      expect(await flow(scene, scene.naive(), failing(fetch))).toBe('REDIRECT')
    })

    it('rejects, and the session stands', async () => {
      await scene.logIn()
      const provider = scene.provider({ fetch: failing(fetch) })
      // One that has not expired would be used for as long as the server is away.
      await provider.saveTokens({ ...((await provider.tokens()) as McpTokens), expires_in: 0 })
      await expect(flow(scene, provider, provider.fetch)).rejects.toMatchObject({
        code: 'REFRESH_FAILED',
      })
      expect(scene.urls).toEqual([])
      const again = scene.provider()
      expect(await flow(scene, again, again.fetch)).toBe('AUTHORIZED')
    })

    it('rejects as well where the server redirects to another, as in maintenance', async () => {
      await scene.logIn()
      const provider = scene.provider({
        fetch: (async (url: string | URL, init?: RequestInit) =>
          isRefresh(init)
            ? new Response(null, { status: 302, headers: { location: 'https://status.example/' } })
            : fetch(url, init)) as typeof fetch,
      })
      await expect(flow(scene, provider, provider.fetch)).rejects.toMatchObject({
        code: 'REFRESH_FAILED',
      })
      expect(scene.urls).toEqual([])
    })

    it('logs in when the session is gone meanwhile', async () => {
      await scene.logIn()
      const provider = scene.provider({ fetch: failing(fetch) })
      const deleting = (async (url: string | URL, init?: RequestInit) => {
        if (isRefresh(init)) await scene.db.deleteUser(USER)
        return provider.fetch(url, init)
      }) as typeof fetch
      expect(await flow(scene, provider, deleting)).toBe('REDIRECT')
    })
  })

  describe('of a user with two logins at once', () => {
    it('finishes the second one only, with a hand-made provider', async () => {
      const provider = scene.naive()
      await flow(scene, provider)
      await flow(scene, provider)
      const [second, first] = [await scene.agree(), await scene.agree()]
      const finish = (callback: string) =>
        authV1(provider, { serverUrl: scene.serverUrl, authorizationCode: codeIn(callback) })
      await expect(finish(first)).rejects.toThrow('the code is unknown')
      await expect(finish(second)).resolves.toBe('AUTHORIZED')
    })

    it('finishes both', async () => {
      const provider = scene.provider()
      await Promise.all([
        flow(scene, provider, provider.fetch),
        flow(scene, provider, provider.fetch),
      ])
      for (const callbackUrl of [await scene.agree(), await scene.agree()]) {
        await scene.finish(callbackUrl)
      }
      expect(scene.authorizationServer.counters()).toMatchObject({ codeGrants: 2, refusedCodes: 0 })
    })
  })
})

describe('a callback that comes to another process', () => {
  it('finds nothing, with a hand-made provider in memory', async () => {
    await authV1(scene.naive(), { serverUrl: scene.serverUrl })
    const authorizationCode = codeIn(await scene.agree())
    const elsewhere = scene.naive({ store: memoryStore() })
    await expect(
      authV1(elsewhere, { serverUrl: scene.serverUrl, authorizationCode }),
    ).rejects.toThrow('client information is required')
  })

  it.each(['v1', 'v2'] as const)('is finished by %s itself', async (sdk) => {
    const first = scene.provider()
    await FLOWS[sdk](scene, first, first.fetch)
    const callback = new URL(await scene.agree())
    const elsewhere = scene.provider()
    const { SDKS } = await import('../../support/mcp/sdks.mjs')
    await (await SDKS[sdk](scene.serverUrl, elsewhere)).finishAuth(callback)
    expect((await elsewhere.tokens())?.refresh_token).toBeDefined()
  })
})

describe('an access token that has expired', () => {
  const laterBy = (hours: number): void => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + hours * 3_600_000 })
  }

  it('lives for another hour, by a hand-made provider', async () => {
    await logInNaively()
    laterBy(2)
    const tokens = await scene.naive().tokens()
    vi.useRealTimers()
    expect(tokens.expires_in).toBe(3600)
  })

  it('has expired, also after it was saved again as it was read', async () => {
    await scene.logIn()
    const provider = scene.provider()
    laterBy(2)
    const tokens = (await provider.tokens()) as McpTokens
    await provider.saveTokens(tokens)
    const again = await provider.tokens()
    vi.useRealTimers()
    expect(tokens.expires_in).toBe(0)
    expect(again).toEqual(tokens)
  })
})

describe('members that this library does not know', () => {
  const stamped = {
    access_token: 'access',
    token_type: 'DPoP',
    refresh_token: 'refresh',
    expires_in: 3600,
    scope: 'a b',
    id_token: 'id',
    issuer: 'https://auth.example/',
    session_state: { of: 'a newer SDK' },
  }

  it('come back as they went in', async () => {
    const provider = scene.provider()
    await provider.saveTokens(stamped)
    expect(await scene.provider().tokens()).toEqual({ ...stamped, expires_in: expect.any(Number) })
    const client = { client_id: 'id', issuer: 'https://auth.example', made_up: [1] }
    await provider.saveClientInformation?.(client)
    expect(await scene.provider().clientInformation({ issuer: 'https://auth.example/' })).toEqual(
      client,
    )
  })

  it('stand after a refresh, and its answer cannot set who issued the tokens', async () => {
    await scene.logIn()
    const { issuer } = scene.authorizationServer
    const lying = (async (url: string | URL, init?: RequestInit) => {
      const answer = await fetch(url, init)
      if (!isRefresh(init)) return answer
      const body = { ...((await answer.json()) as object), id_token: 'new', issuer: 'https://evil' }
      return Response.json(body)
    }) as typeof fetch
    const provider = scene.provider({ fetch: lying })
    expect(await FLOWS.v2(scene, provider, provider.fetch)).toBe('AUTHORIZED')
    expect(await provider.tokens()).toMatchObject({ issuer, id_token: 'new' })
  })

  it('keep a refresh token from another authorization server, to which a hand-made provider that drops them sends it', async () => {
    const moved = await McpScene.start()
    moved.begin()
    const sent: string[] = []
    const toMoved = (async (url: string | URL, init?: RequestInit) => {
      if (isRefresh(init)) sent.push(new URL(url).origin)
      if (!String(url).includes('/.well-known/oauth-protected-resource')) return fetch(url, init)
      return Response.json({
        resource: scene.serverUrl,
        authorization_servers: [moved.authorizationServer.issuer],
      })
    }) as typeof fetch
    await logInNaively()
    const { issuer: _, ...dropped } = await scene.naive().tokens()
    await scene.naive().saveTokens(dropped)
    await scene.naive().saveDiscoveryState(null)
    await authV1(scene.naive(), { serverUrl: scene.serverUrl, fetchFn: toMoved })
    expect(sent).toEqual([moved.authorizationServer.issuer])

    sent.length = 0
    await scene.logIn()
    const provider = scene.provider({ fetch: toMoved })
    expect(await FLOWS.v1(scene, provider, provider.fetch)).toBe('REDIRECT')
    expect(sent).toEqual([])
    await moved.stop()
  })
})

describe('one client id for many installations, at a server that punishes reuse by client', () => {
  const clientMetadataUrl = 'https://app.example/client.json'
  const other = 'user_456'

  /** As an authorization server that takes a client ID metadata document: to it all installations are one client. */
  function punishing(): typeof fetch {
    const { authorizationServer } = scene
    return (async (url: string | URL, init?: RequestInit) => {
      const answer = await fetch(url, init)
      if (authorizationServer.counters().reuseDetections > 0) {
        authorizationServer.refuseRefreshTokens()
      }
      return answer
    }) as typeof fetch
  }

  async function sessionOf(provider: object, fetchFn: typeof fetch): Promise<string> {
    return authV1(provider as never, { serverUrl: scene.serverUrl, fetchFn })
  }

  it('ends the sessions of all users, with a hand-made provider', async () => {
    await logInNaively()
    await logInNaively(scene.naive({ userId: other }), other)
    const fetchFn = punishing()
    const stale = scene.naive()
    const tokens = await stale.tokens()
    await sessionOf(scene.naive(), fetchFn)
    const late = { ...stale, tokens: () => tokens }
    await expect(sessionOf(late, fetchFn)).rejects.toThrow('refresh token')
    expect(await sessionOf(scene.naive({ userId: other, clientMetadataUrl }), fetchFn)).toBe(
      'REDIRECT',
    )
  })

  it('ends no session', async () => {
    await scene.logIn()
    await scene.logIn(scene.provider({ userId: other }), other)
    const [one, two] = [0, 1].map(() => scene.provider({ fetch: punishing(), clientMetadataUrl }))
    if (one === undefined || two === undefined) throw new Error('unreachable')
    await Promise.all([sessionOf(one, one.fetch as never), sessionOf(two, two.fetch as never)])
    const stranger = scene.provider({ userId: other, fetch: punishing(), clientMetadataUrl })
    expect(await sessionOf(stranger, stranger.fetch as never)).toBe('AUTHORIZED')
    expect(scene.authorizationServer.counters().reuseDetections).toBe(0)
  })
})

/** The provider with a `fetch` under which each refresh meets a Redis that does not answer. */
async function stallingAtRefresh(): Promise<McpOAuthProvider> {
  const proxy = await startProxy(scene.redis)
  const { host, port } = proxy
  const db = openDatabase({ host, port, keyPrefix: scene.keyPrefix, commandTimeout: 300 })
  await db.ping()
  const provider = scene.provider({ db })
  const stalled = (async (url: string | URL, init?: RequestInit) => {
    if (!isRefresh(init)) return provider.fetch(url, init)
    proxy.stall()
    return provider.fetch(url, init).finally(() => proxy.resume())
  }) as McpOAuthProvider['fetch']
  return new Proxy(provider, {
    get: (target, name) => {
      if (name === 'fetch') return stalled
      const member: unknown = Reflect.get(target, name)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
}

it.each(['v1', 'v2', 'ai'] as const)(
  'a call of %s rejects with the TIMEOUT of Redis, and asks for no login',
  async (sdk) => {
    const clientOf = (provider: McpOAuthProvider) => SDKS[sdk](scene.serverUrl, provider)
    await expect((await clientOf(scene.provider())).connect()).rejects.toThrow()
    await scene.finish(await scene.agree())
    const session = await (await clientOf(await stallingAtRefresh())).connect()
    scene.authorizationServer.expireAccessTokens()
    await expect(session.whoami()).rejects.toMatchObject({ code: 'TIMEOUT' })
    expect(scene.urls).toEqual([])
    expect(scene.authorizationServer.counters().refreshes).toBe(0)
    const again = await (await clientOf(scene.provider())).connect()
    expect(await again.whoami()).toBe(`${USER} at /mcp`)
    await again.close()
    await session.close()
  },
)
