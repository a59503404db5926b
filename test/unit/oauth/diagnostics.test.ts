import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { CHANNELS, type FlightEvent, type SessionEvent } from '../../../src/leaves/diagnostics.js'
import { holdTime } from '../../support/held-time.js'
import { ExpiredSession, refreshAll, settled } from '../../support/oauth/expired-session.js'
import { refreshInit, URL_OF_TOKEN, USER } from '../../support/oauth/fleet-process.js'
import { json, REGISTER_URL, TOKEN_URL } from '../../support/oauth/strict-server.js'

const heard: (FlightEvent | SessionEvent)[] = []
const listen = (message: unknown) => {
  heard.push(message as FlightEvent | SessionEvent)
}

holdTime()

beforeEach(() => {
  heard.length = 0
  for (const channel of Object.values(CHANNELS)) subscribe(channel, listen)
})

afterEach(() => {
  for (const channel of Object.values(CHANNELS)) unsubscribe(channel, listen)
})

const events = () => heard.map(({ event }) => event)

test('a refresh tells who won, who waited and who reused', async () => {
  const session = new ExpiredSession()
  expect(await refreshAll(session.startAll(3))).toEqual([200, 200, 200])
  expect(events().sort()).toEqual(
    ['won', 'waited', 'waited', 'reused', 'reused', 'refreshed']
      .concat(['refreshReused', 'refreshReused'])
      .sort(),
  )
})

test('a failed holder is taken over from', async () => {
  const session = new ExpiredSession()
  let failures = 1
  session.server.step = (path) => (path === '/token' && failures-- > 0 ? json(503, {}) : undefined)
  await refreshAll(session.startAll(2))
  expect(events()).toEqual(expect.arrayContaining(['won', 'waited', 'tookOver', 'refreshed']))
})

test('a lost lease, a refusal and a removed record are told', async () => {
  const session = new ExpiredSession()
  const token = session.holdTokenRequest('answer')
  session.server.families.length = 0
  session.store.failing = (call) => call === 'renew'
  const refresh = session.start().refresh()
  await token.reached
  await vi.advanceTimersByTimeAsync(5_000)
  token.go()
  expect(await settled(refresh)).toBe(400)
  expect(heard).toContainEqual(
    expect.objectContaining({ event: 'lost', kind: 'refresh', elapsedMs: 5_000 }),
  )
  expect(heard).toContainEqual({ event: 'refreshRefused', status: 400, durationMs: 5_000 })
})

test('a refresh that comes to nothing says what was answered, and how long it took', async () => {
  const session = new ExpiredSession()
  const token = session.holdTokenRequest()
  const refresh = session.start().refresh()
  await token.reached
  await vi.advanceTimersByTimeAsync(1_500)
  token.go(json(503, {}))
  expect(await settled(refresh)).toBe(503)
  expect(heard).toContainEqual({ event: 'refreshFailed', status: 503, durationMs: 1_500 })
})

test('a refresh without an answer says so, and its code where it is of the library', async () => {
  const unanswered = new ExpiredSession()
  const token = unanswered.holdTokenRequest()
  const refresh = unanswered.start().refresh()
  await token.reached
  token.go(new Error('socket hang up'))
  await expect(refresh).rejects.toThrow('socket hang up')
  expect(heard).toContainEqual({
    event: 'refreshFailed',
    code: null,
    durationMs: expect.any(Number),
  })
  const closing = new ExpiredSession().start({ closesAtMs: () => performance.now() })
  await expect(closing.refresh()).rejects.toMatchObject({ code: 'CLOSED' })
  expect(heard.filter(({ event }) => event === 'refreshFailed')).toContainEqual({
    event: 'refreshFailed',
    code: 'CLOSED',
    durationMs: expect.any(Number),
  })
})

test.each([
  ['registered', 201],
  ['registrationFailed', 500],
])('a registration tells that it %s, and how long it took', async (event, status) => {
  const session = new ExpiredSession()
  if (status === 500) session.server.step = () => json(500, {})
  const body = JSON.stringify({ redirect_uris: ['http://localhost/callback'] })
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body }
  await session.start().fetch(REGISTER_URL, init)
  expect(heard).toContainEqual({ event, status, durationMs: expect.any(Number) })
  expect(heard).toContainEqual(expect.objectContaining({ event: 'won', kind: 'registration' }))
})

test('no message holds a secret', async () => {
  const session = new ExpiredSession()
  await refreshAll(session.startAll(3), 3)
  expect(heard.length).toBeGreaterThan(10)
  expect(JSON.stringify(heard)).not.toMatch(/secret|client-0|mcp\.example|0xabc/)
  for (const message of heard) {
    if ('flight' in message) expect(message.flight).toMatch(/^[0-9a-f]{12}$/)
  }
})

test('a refresh that is bound to a key is told, goes out from each process, and its refusal removes nothing', async () => {
  const session = new ExpiredSession()
  session.server.families.length = 0
  for (const { fetch, db } of session.startAll(2)) {
    await db.getAccessToken(USER, URL_OF_TOKEN)
    const init = refreshInit(session.refreshToken)
    const answer = await fetch(TOKEN_URL, { ...init, headers: { dpop: 'proof' } })
    expect(answer.status).toBe(400)
  }
  expect(events()).toEqual(['refreshBound', 'refreshBound'])
  expect(session.server.count.refusedRefreshes).toBe(2)
  expect(session.record).toBeDefined()
})
