import type { FetchLike } from '@atxp/common'
import { afterEach, expect, test, vi } from 'vitest'
import { Flights } from '../../../src/flight/single-flight.js'
import { createCoordinatedFetch } from '../../../src/oauth/coordinated-fetch.js'
import { TokenPlaces } from '../../../src/oauth/places/token-places.js'
import { Issuers } from '../../../src/oauth/trust/issuers.js'
import { RefusedTokens } from '../../../src/oauth/trust/refused-tokens.js'
import { MemoryStore } from '../../support/oauth/memory-store.js'
import {
  METADATA,
  METADATA_URL,
  REGISTER_URL,
  TOKEN_URL,
} from '../../support/oauth/strict-server.js'

afterEach(() => {
  vi.unstubAllGlobals()
})

function coordinated(fetch: FetchLike, refusedTokens?: RefusedTokens): FetchLike {
  const store = new MemoryStore()
  store.failing = () => true
  return createCoordinatedFetch({
    fetch,
    flights: new Flights(store),
    loginFlights: new Flights(store),
    records: store,
    registrations: store,
    rests: store,
    places: new TokenPlaces(),
    ...(refusedTokens ? { refusedTokens } : {}),
  })
}

test.each<[string, string | URL, RequestInit | undefined]>([
  ['a GET', 'https://mcp.example/mcp', undefined],
  ['metadata', new URL('https://auth.example/.well-known/x'), { headers: { accept: 'a/b' } }],
  ['a tool call', 'https://mcp.example/mcp', { method: 'POST', body: '{"method":"tools/call"}' }],
  [
    'a refresh of an unknown token',
    'https://auth.example/token',
    { method: 'POST', body: 'grant_type=refresh_token&refresh_token=x' },
  ],
])('%s passes through: same url, same init, same answer', async (_, url, init) => {
  const answer = new Response('the answer')
  const seen: unknown[] = []
  const fetch = coordinated(async (...given) => {
    seen.push(...given)
    return answer
  })
  expect(await fetch(url, init)).toBe(answer)
  expect(seen[0]).toBe(url)
  expect(seen[1]).toBe(init)
})

test('a code exchange is sent as it is, and its answer is an equal one that has arrived', async () => {
  const body = new URLSearchParams({ grant_type: 'authorization_code' })
  const seen: unknown[] = []
  const fetch = coordinated(async (...given) => {
    seen.push(...given)
    return Response.json({ access_token: 'a' }, { status: 200, headers: { 'x-a': 'b' } })
  })
  const answer = await fetch('https://auth.example/token', { method: 'POST', body })
  expect(seen).toMatchObject(['https://auth.example/token', { method: 'POST', body }])
  expect([answer.status, answer.headers.get('x-a'), await answer.json()]).toEqual([
    200,
    'b',
    { access_token: 'a' },
  ])
})

test.each([
  ['a refresh that is bound to a key', { grant_type: 'refresh_token', refresh_token: 'r' }],
  ['a code that is bound to a key', { grant_type: 'authorization_code', code: 'c' }],
  ['client credentials', { grant_type: 'client_credentials', client_secret: 's' }],
])('%s follows no redirect to another origin', async (what, form) => {
  const headers: Record<string, string> = what === 'client credentials' ? {} : { dpop: 'proof' }
  const asked: string[] = []
  const fetch = coordinated(async (url, init) => {
    asked.push(String(url))
    expect(init?.redirect).toBe('manual')
    return new Response(null, { status: 307, headers: { location: 'https://evil.example/token' } })
  })
  const init = { method: 'POST', headers, body: new URLSearchParams(form) }
  await expect(fetch(TOKEN_URL, init)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
  expect(asked).toEqual([TOKEN_URL])
})

test('an error of the fetch beneath passes through', async () => {
  const failure = new TypeError('fetch failed')
  const fetch = coordinated(async () => {
    throw failure
  })
  await expect(fetch('https://mcp.example/')).rejects.toBe(failure)
})

test('a refused token is noted from the header, and only upon a 401', async () => {
  const refused = new RefusedTokens()
  let status = 200
  const fetch = coordinated(async () => new Response('', { status }), refused)
  const resourceUrl = 'https://mcp.example/mcp'
  const other = { accessToken: 'another', resourceUrl }
  const ask = () =>
    fetch('https://mcp.example/', { headers: new Headers({ Authorization: 'Bearer old' }) })
  await ask()
  expect(refused.blameAnother(other)).toBe(false)
  status = 401
  await ask()
  expect(refused.blameAnother(other)).toBe(true)
  expect(refused.blameAnother({ accessToken: 'old', resourceUrl })).toBe(false)
})

test('where the global Response is missing it says so at once', () => {
  vi.stubGlobal('Response', undefined)
  expect(() => coordinated(fetch)).toThrow(TypeError)
  expect(() => coordinated(fetch)).toThrow(/Node.*18/)
})

test.each<[string, string, RequestInit]>([
  [
    'a refresh of a known token',
    TOKEN_URL,
    { body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: 'known' }) },
  ],
  [
    'a refresh of an unknown token',
    TOKEN_URL,
    { body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: 'unknown' }) },
  ],
  [
    'a registration at an issuer that is known',
    REGISTER_URL,
    { body: '{"redirect_uris":["https://app.example"]}' },
  ],
  [
    'a registration at one that is not',
    'https://other.example/register',
    { body: '{"redirect_uris":["https://app.example"]}' },
  ],
])(
  '%s with a signal that has aborted sends nothing, and asks the store for nothing',
  async (_, url, init) => {
    const store = new MemoryStore()
    const places = new TokenPlaces()
    const issuers = new Issuers()
    issuers.learn(new URL(METADATA_URL), METADATA)
    const token = { accessToken: 'a', refreshToken: 'known', resourceUrl: 'https://mcp.example' }
    store.put('user', 'https://mcp.example', token)
    places.remember('user', 'https://mcp.example', token, {})
    const sent: unknown[] = []
    const fetch = createCoordinatedFetch({
      fetch: async (...given) => {
        sent.push(given)
        return Response.json({})
      },
      flights: new Flights(store),
      loginFlights: new Flights(store),
      records: store,
      registrations: store,
      rests: store,
      places,
      issuers,
    })
    const reason = new Error('nobody waits any more')
    const asked = fetch(url, { method: 'POST', signal: AbortSignal.abort(reason), ...init })
    await expect(asked).rejects.toBe(reason)
    expect(sent).toEqual([])
    expect(store.calls).toEqual([])
  },
)
