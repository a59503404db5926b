import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { CHANNELS, type SessionEvent } from '../../../../src/leaves/diagnostics.js'
import { RedisOAuthDatabaseError } from '../../../../src/leaves/errors.js'
import { holdTime } from '../../../support/held-time.js'
import { ExpiredSession, settled } from '../../../support/oauth/expired-session.js'
import { type FleetProcess, refreshInit } from '../../../support/oauth/fleet-process.js'
import { json, ORIGIN, TOKEN_URL } from '../../../support/oauth/strict-server.js'

const OTHER = { user: 'other', url: 'https://mcp.example/other' }

let session: ExpiredSession
let process: FleetProcess
/** What the server answers in place of a pair; an error for no answer at all. */
let failure: (() => Response | Error) | undefined
let requestsAtMs: number[]
let heard: SessionEvent[]
const listen = (message: unknown) => void heard.push(message as SessionEvent)

holdTime()

beforeEach(() => {
  heard = []
  subscribe(CHANNELS.session, listen)
  session = new ExpiredSession()
  process = session.start()
  failure = () => json(503, {})
  requestsAtMs = []
  session.server.step = (path, when) => {
    if (path !== '/token' || when !== 'request') return undefined
    requestsAtMs.push(performance.now())
    const answer = failure?.()
    if (answer instanceof Error) throw answer
    return answer
  }
})

afterEach(() => {
  unsubscribe(CHANNELS.session, listen)
})

const refresh = (by: FleetProcess = process): Promise<number | string> =>
  settled(by.refresh().catch((error: RedisOAuthDatabaseError) => error.code ?? error.message))

/** Another session of the same client: gives what its refresh comes to. */
async function refreshOther(): Promise<number | string> {
  const { refreshToken } = session.server.login()
  const record = { accessToken: 'expired', refreshToken, resourceUrl: OTHER.url }
  session.store.put(OTHER.user, OTHER.url, record)
  await process.db.getAccessToken(OTHER.user, OTHER.url)
  const answer = process.fetch(TOKEN_URL, refreshInit(refreshToken))
  return await settled(
    answer.then(
      ({ status }) => status,
      (error: RedisOAuthDatabaseError) => error.code,
    ),
  )
}

function lastRestMs(): number {
  const rests = heard.filter(({ event }) => event === 'resting')
  return Number((rests.at(-1) as { retryAfterMs?: number } | undefined)?.retryAfterMs)
}

/** How long the server rests after each of so many failures in a row. */
async function restsAfter(failures: number): Promise<number[]> {
  const rests: number[] = []
  while (rests.length < failures) {
    const before = requestsAtMs.length
    const end = await refresh()
    if (requestsAtMs.length > before) rests.push(lastRestMs())
    if (end === 'REFRESH_RESTING') await vi.advanceTimersByTimeAsync(100)
  }
  return rests
}

test('rests grow from one failure to the next, up to 30 s', async () => {
  expect(await restsAfter(8)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000])
})

test('after a first failure a caller waits for a second, and then sends', async () => {
  expect(await refresh()).toBe(503)
  failure = undefined
  expect(await refresh()).toBe(200)
  const [firstMs = 0, secondMs = 0] = requestsAtMs
  expect(secondMs - firstMs).toBeGreaterThanOrEqual(1_000)
  expect(secondMs - firstMs).toBeLessThan(1_500)
})

test('after a second one all reject at once, with the time to retry after, and nothing is sent', async () => {
  await restsAfter(2)
  const error = await process.refresh().catch((error: unknown) => error)
  expect(error).toBeInstanceOf(RedisOAuthDatabaseError)
  expect(error).toMatchObject({ code: 'REFRESH_RESTING', retryAfterMs: expect.any(Number) })
  const { retryAfterMs } = error as { retryAfterMs: number }
  expect(retryAfterMs).toBeGreaterThan(0)
  expect(retryAfterMs).toBeLessThanOrEqual(2_000)
  expect(requestsAtMs).toHaveLength(2)
  expect(heard.at(-1)).toMatchObject({ event: 'refreshPutOff' })

  await vi.advanceTimersByTimeAsync(retryAfterMs)
  failure = undefined
  expect(await refresh()).toBe(200)
  expect(requestsAtMs).toHaveLength(3)
  session.expectSound()
})

test('those who wait while one tries are answered by what comes of it', async () => {
  await restsAfter(2)
  await vi.advanceTimersByTimeAsync(2_000)
  let go: () => void = () => undefined
  const held = new Promise<void>((resolve) => {
    go = resolve
  })
  session.server.step = async (path, when) => {
    if (path === '/token' && when === 'request') await held
    return undefined
  }
  const all = session.startAll(4).map((each) => each.refresh())
  await vi.advanceTimersByTimeAsync(1_000)
  go()
  expect(await settled(Promise.all(all))).toEqual([200, 200, 200, 200])
  expect(session.server.count.refreshes).toBe(1)
})

test('an issuer whose requests fail at the endpoint of another has that one rest for nobody else', async () => {
  const evil = 'https://evil.example'
  const honest = session.record?.accessToken ?? ''
  session.store.origins.set(honest, { issuer: ORIGIN, endpoint: TOKEN_URL })
  session.store.origins.set('evil', { issuer: evil, endpoint: `${evil}/token` })
  const record = { accessToken: 'evil', refreshToken: 'evil', resourceUrl: OTHER.url }
  session.store.put(OTHER.user, OTHER.url, record)
  await process.db.getAccessToken(OTHER.user, OTHER.url)
  const { step } = session.server
  session.server.step = (path, when) =>
    path.startsWith('/.well-known')
      ? json(200, { issuer: evil, token_endpoint: TOKEN_URL })
      : step(path, when)
  await process.fetch(`${evil}/.well-known/oauth-authorization-server`)
  // As of a refresh token so long that the connection is cut.
  failure = () => new TypeError('fetch failed')
  for (const at of [1, 2]) {
    await settled(process.fetch(TOKEN_URL, refreshInit('evil')).catch(() => undefined))
    expect(requestsAtMs).toHaveLength(at)
  }
  failure = undefined
  expect(await refresh()).toBe(200)
})

describe('Retry-After', () => {
  test.each<[string, () => string, number, number]>([
    ['seconds', () => '8', 8_000, 8_000],
    ['a date', () => new Date(Date.now() + 20_000).toUTCString(), 19_000, 20_000],
    ['more than 5 minutes', () => '86400', 300_000, 300_000],
    ['less than the rest that follows anyway', () => '0', 1_000, 1_000],
    ['a date that has passed', () => new Date(0).toUTCString(), 1_000, 1_000],
    ['neither', () => 'soon', 1_000, 1_000],
  ])('in %s', async (_, value, leastMs, mostMs) => {
    failure = () => json(429, {}, { 'retry-after': value() })
    const [restMs] = await restsAfter(1)
    expect(restMs).toBeGreaterThanOrEqual(leastMs)
    expect(restMs).toBeLessThanOrEqual(mostMs)
  })

  test('of more than 3 s is not waited for, also after a first failure', async () => {
    failure = () => json(503, {}, { 'retry-after': '4' })
    expect(await refresh()).toBe(503)
    expect(await refresh()).toBe('REFRESH_RESTING')
    expect(requestsAtMs).toHaveLength(1)
  })
})

describe('a rest', () => {
  test.each<[string, () => Response | Error]>([
    ['429', () => json(429, {})],
    ['503', () => json(503, {})],
    ['no answer', () => new TypeError('fetch failed')],
  ])('after %s holds for all tokens of the client at this endpoint', async (_, answer) => {
    failure = answer
    await restsAfter(2)
    expect(await refreshOther()).toBe('REFRESH_RESTING')
    expect(requestsAtMs).toHaveLength(2)
  })

  test.each([500, 502, 504])('after %d holds for its own token alone', async (status) => {
    failure = () => json(status, {})
    await restsAfter(3)
    expect(await refresh()).toBe('REFRESH_RESTING')
    failure = undefined
    expect(await refreshOther()).toBe(200)
    expect(await refresh()).toBe('REFRESH_RESTING')
  })

  test('ends with the first success, for all', async () => {
    await restsAfter(2)
    failure = undefined
    await vi.advanceTimersByTimeAsync(2_000)
    expect(await refresh()).toBe(200)
    expect(session.store.rests.size).toBe(0)
    expect(await refreshOther()).toBe(200)
  })

  test('ends with a refusal too: the server answers', async () => {
    await restsAfter(2)
    failure = () => json(400, { error: 'invalid_scope' })
    await vi.advanceTimersByTimeAsync(2_000)
    expect(await refresh()).toBe(400)
    expect(session.store.rests.size).toBe(0)
  })

  test('counts what was sent at the same time once', async () => {
    const others = [1, 2, 3].map((n) => {
      const { refreshToken } = session.server.login()
      const record = { accessToken: 'expired', refreshToken, resourceUrl: OTHER.url }
      session.store.put(`user ${n}`, OTHER.url, record)
      return { user: `user ${n}`, refreshToken }
    })
    const sends = others.map(async ({ user, refreshToken }) => {
      const each = session.start()
      await each.db.getAccessToken(user, OTHER.url)
      return (await each.fetch(TOKEN_URL, refreshInit(refreshToken))).status
    })
    expect(await settled(Promise.all(sends))).toEqual([503, 503, 503])
    expect([...session.store.rests.values()].map(({ failures }) => failures)).toEqual([1])
  })

  test('that the store does not take changes no answer', async () => {
    session.store.failing = (call) => call === 'fail'
    expect(await refresh()).toBe(503)
    failure = undefined
    session.store.failing = (call) => call === 'end'
    expect(await refresh()).toBe(200)
  })
})

describe('an access token that has not expired', () => {
  beforeEach(() => session.save({ accessToken: 'still valid', expiresAt: Date.now() + 3_600_000 }))

  test('serves while the server fails, and while it rests', async () => {
    const before = session.record
    const startedAtMs = performance.now()
    for (let call = 0; call < 5; call += 1) {
      await process.db.getAccessToken('base:0xabc', 'https://mcp.example/mcp')
      const answer = settled(process.fetch(TOKEN_URL, refreshInit(session.refreshToken)))
      expect(await (await answer).json()).toMatchObject({ access_token: 'still valid' })
    }
    expect(performance.now() - startedAtMs).toBeLessThan(2_000)
    expect(requestsAtMs.length).toBeLessThanOrEqual(2)
    expect(session.record).toEqual(before)
  })
})
