import { beforeEach, expect, test, vi } from 'vitest'
import { RedisOAuthDatabaseError } from '../../../../src/leaves/errors.js'
import { TIMING_DEFAULTS } from '../../../../src/oauth/timing.js'
import { holdTime } from '../../../support/held-time.js'
import { ExpiredSession, refreshAll, settled } from '../../../support/oauth/expired-session.js'
import {
  type FleetProcess,
  refreshInit,
  URL_OF_TOKEN,
  USER,
} from '../../../support/oauth/fleet-process.js'
import { json, TOKEN_URL } from '../../../support/oauth/strict-server.js'

let session: ExpiredSession

holdTime()

beforeEach(() => {
  session = new ExpiredSession()
})

test('eight processes with five calls each make one refresh', async () => {
  const statuses = await refreshAll(session.startAll(8), 5)
  expect(statuses).toEqual(Array(40).fill(200))
  expect(session.server.count).toMatchObject({ refreshes: 1, refusedRefreshes: 0 })
  session.expectSound()
})

test('all who asked get the pair that stands', async () => {
  const processes = session.startAll(3)
  const old = session.refreshToken
  for (const process of processes) await process.db.getAccessToken(USER, URL_OF_TOKEN)
  const answers = await settled(
    Promise.all(processes.map(({ fetch }) => fetch(TOKEN_URL, refreshInit(old)))),
  )
  for (const answer of answers) {
    expect(answer.headers.get('content-type')).toBe('application/json')
    expect(await answer.json()).toMatchObject({
      access_token: session.record?.accessToken,
      refresh_token: session.record?.refreshToken,
      token_type: 'Bearer',
      expires_in: expect.toSatisfy((seconds) => seconds >= 3599 && seconds <= 3600),
    })
  }
})

test('a record that was renewed before the request came is answered without a lease', async () => {
  const process = session.start()
  const { refreshToken } = session
  await process.db.getAccessToken(USER, URL_OF_TOKEN)
  session.save({ ...session.server.login() })
  const answer = await process.fetch(TOKEN_URL, refreshInit(refreshToken))
  expect((await answer.json()).refresh_token).toBe(session.refreshToken)
  expect(session.store.names.size).toBe(0)
})

test.each([
  ['seconds', 1_700_000_000],
  ['milliseconds', 1_700_000_000_000],
])('an expiry in %s stays in its unit, and is understood', async (_, expiresAt) => {
  const [first, second] = session.startAll(2) as [FleetProcess, FleetProcess]
  session.save({ expiresAt })
  const old = session.refreshToken
  await second.db.getAccessToken(USER, URL_OF_TOKEN)
  expect(await settled(first.refresh())).toBe(200)
  const now = expiresAt > 1e11 ? Date.now() : Math.floor(Date.now() / 1000)
  const hour = expiresAt > 1e11 ? 3_600_000 : 3_600
  expect(session.record?.expiresAt).toBeGreaterThan(now + hour * 0.9)
  expect(session.record?.expiresAt).toBeLessThanOrEqual(now + hour)
  const answer = await second.fetch(TOKEN_URL, refreshInit(old))
  const { expires_in: expiresIn } = await answer.json()
  expect(expiresIn).toBeGreaterThan(3_500)
  expect(expiresIn).toBeLessThanOrEqual(3_600)
})

test('no expiry in the answer leaves none in the record', async () => {
  const process = session.start()
  session.save({ expiresAt: 1_700_000_000 })
  session.server.expiresIn = undefined
  expect(await process.refresh()).toBe(200)
  expect(session.record).not.toHaveProperty('expiresAt')
})

test('fields that a newer SDK adds to the record survive', async () => {
  const process = session.start()
  session.save({ issuedBy: 'somebody' })
  expect(await process.refresh()).toBe(200)
  expect(session.record).toMatchObject({ issuedBy: 'somebody', resourceUrl: URL_OF_TOKEN })
  session.expectSound()
})

test('a refresh token that the answer omits is kept, in the record and in the answer', async () => {
  session.server.omitsRefreshToken = true
  session.server.rotates = false
  const processes = session.startAll(4)
  const kept = session.record?.refreshToken
  expect(await refreshAll(processes, 3)).toEqual(Array(12).fill(200))
  expect(session.server.count.refreshes).toBe(1)
  expect(session.record?.refreshToken).toBe(kept)
  session.expectSound()
  const [process] = processes as [FleetProcess]
  const answer = await process.fetch(TOKEN_URL, refreshInit(kept ?? ''))
  expect((await answer.json()).refresh_token).toBe(kept)
})

test('a record found at a parent path is renewed there, and only there', async () => {
  const processes = session.startAll(4)
  const child = `${URL_OF_TOKEN}/child/of/it`
  const calls = processes.flatMap((process) => [process.refresh(child), process.refresh()])
  expect(await settled(Promise.all(calls))).toEqual(Array(8).fill(200))
  expect(session.server.count.refreshes).toBe(1)
  expect(session.store.records.size).toBe(1)
  session.expectSound()
})

test("a save that comes late does not bring back a spent pair after a peer's newer one", async () => {
  const [slow, fast] = session.startAll(2) as [FleetProcess, FleetProcess]
  let save: () => void = () => undefined
  const stalled = new Promise<void>((resolve) => {
    save = resolve
  })
  const saveAccessToken = slow.db.saveAccessToken
  slow.db.saveAccessToken = async (...given) => {
    await stalled
    await saveAccessToken(...given)
  }
  const late = slow.refresh()
  await vi.waitFor(() => expect(session.server.count.refreshes).toBe(1))
  await vi.waitFor(() => expect(session.store.heldLeases).toBe(0))
  expect(await settled(fast.refresh())).toBe(200)
  expect(session.server.count.refreshes).toBe(2)
  save()
  expect(await settled(late)).toBe(200)
  session.expectSound()
})

test('a token that somebody may have spent while the store was away is not sent before that one had time to save', async () => {
  const process = session.start()
  session.store.troubledAtMs = performance.now()
  const refresh = process.refresh()
  await vi.advanceTimersByTimeAsync(1_000)
  expect(session.store.heldLeases).toBe(1)
  session.save({ ...session.server.login() })
  expect(await settled(refresh)).toBe(200)
  expect(session.server.count.refreshes).toBe(0)
})

test('trouble that goes on does not put it off further', async () => {
  const process = session.start()
  const startedAtMs = performance.now()
  Object.defineProperty(session.store, 'troubledAtMs', { get: () => performance.now() })
  expect(await settled(process.refresh())).toBe(200)
  expect(performance.now() - startedAtMs).toBeLessThan(2 * TIMING_DEFAULTS.graceMs)
  session.expectSound()
})

test('it is not sent by who has lost the lease meanwhile: that one waits for its turn', async () => {
  const process = session.start()
  session.store.troubledAtMs = performance.now()
  const refresh = process.refresh()
  await vi.advanceTimersByTimeAsync(200)
  const [name] = session.store.leases.keys()
  const until = performance.now() + 2 * TIMING_DEFAULTS.graceMs
  session.store.leases.set(name as string, { owner: 'another', until })
  await vi.advanceTimersByTimeAsync(TIMING_DEFAULTS.graceMs + 1_000)
  expect(session.server.count.refreshes).toBe(0)
  expect(await settled(refresh)).toBe(200)
  expect(performance.now()).toBeGreaterThanOrEqual(until)
  session.expectSound()
})

test('it is not sent while its sender lives, also if the store has lost lease and mark', async () => {
  const token = session.holdTokenRequest('answer')
  const sender = session.start().refresh()
  await settled(token.reached)
  session.store.leases.clear()
  session.store.marks.clear()
  session.store.troubledAtMs = performance.now()
  const next = session.start().refresh()
  await vi.advanceTimersByTimeAsync(TIMING_DEFAULTS.graceMs + TIMING_DEFAULTS.leaseMs)
  token.go()
  expect(await settled(Promise.all([sender, next]))).toEqual([200, 200])
  expect(session.server.count.refreshes).toBe(1)
  session.expectSound()
})

test('nor by who waits for its mark when the store loses that', async () => {
  const token = session.holdTokenRequest('answer')
  const sender = session.start().refresh()
  await settled(token.reached)
  session.store.failing = (call) => call === 'renew'
  const next = session.start().refresh()
  await vi.advanceTimersByTimeAsync(TIMING_DEFAULTS.leaseMs + 1_000)
  session.store.failing = null
  session.store.leases.clear()
  session.store.marks.clear()
  session.store.troubledAtMs = performance.now()
  await vi.advanceTimersByTimeAsync(TIMING_DEFAULTS.graceMs + TIMING_DEFAULTS.leaseMs)
  token.go()
  expect(await settled(Promise.all([sender, next]))).toEqual([200, 200])
  expect(session.server.count.refreshes).toBe(1)
  session.expectSound()
})

test('it is sent when nobody has saved by then', async () => {
  const process = session.start()
  const backAtMs = performance.now()
  session.store.troubledAtMs = backAtMs
  const token = session.holdTokenRequest()
  const refresh = process.refresh()
  await settled(token.reached)
  expect(performance.now() - backAtMs).toBeGreaterThanOrEqual(TIMING_DEFAULTS.graceMs)
  token.go()
  expect(await settled(refresh)).toBe(200)
  session.expectSound()
})

test('a user deleted during the refresh stays deleted', async () => {
  const process = session.start()
  const token = session.holdTokenRequest('answer')
  const refresh = process.refresh()
  await token.reached
  session.store.records.clear()
  token.go()
  expect(await refresh).toBe(400)
  expect(session.store.records.size).toBe(0)
})

test('a user deleted after the answer stays deleted, whatever the client saves', async () => {
  const process = session.start()
  const saveAccessToken = process.db.saveAccessToken
  process.db.saveAccessToken = async (...given) => {
    session.store.records.clear()
    await saveAccessToken(...given)
  }
  expect(await process.refresh()).toBe(200)
  expect(session.store.records.size).toBe(0)
})

test('a record that holds another pair by the end wins over the renewed one', async () => {
  const process = session.start()
  const refreshToken = session.refreshToken
  await process.db.getAccessToken(USER, URL_OF_TOKEN)
  const token = session.holdTokenRequest('answer')
  const answer = process.fetch(TOKEN_URL, refreshInit(refreshToken))
  await token.reached
  const fresh = session.server.login()
  const standing = { ...fresh, resourceUrl: URL_OF_TOKEN }
  session.store.put(USER, URL_OF_TOKEN, standing)
  token.go()
  expect((await (await answer).json()).access_token).toBe(fresh.accessToken)
  expect(session.record).toBe(standing)
})

test('the lost reply of the save is not taken for a loss', async () => {
  const process = session.start()
  let lost = 1
  session.store.step = (call, when) => {
    if (call === 'replace' && when === 'reply' && lost-- > 0) {
      throw new RedisOAuthDatabaseError('OUTCOME_UNKNOWN', 'reply lost')
    }
  }
  expect(await refreshAll([process])).toEqual([200])
  session.expectSound()
})

test('a caller who gives up is let go at once, and the refresh is completed', async () => {
  const process = session.start()
  const { refreshToken } = session
  await process.db.getAccessToken(USER, URL_OF_TOKEN)
  const token = session.holdTokenRequest('answer')
  const patience = new AbortController()
  const init = { ...refreshInit(refreshToken), signal: patience.signal }
  const answer = process.fetch(TOKEN_URL, init)
  await token.reached
  patience.abort(new Error('enough'))
  await expect(answer).rejects.toThrow('enough')
  token.go()
  await vi.waitFor(() => session.expectSound())
  await vi.waitFor(() => expect(session.store.heldLeases).toBe(0))
})

test('a refresh token of another store passes through untouched', async () => {
  const seen: unknown[] = []
  session.server.step = () => {
    seen.push('asked')
    return json(200, {})
  }
  const process = session.start()
  expect((await process.fetch(TOKEN_URL, refreshInit('never read'))).status).toBe(200)
  expect(seen).toEqual(['asked'])
  expect(session.store.calls).toEqual([])
})

test('processes of which some name the resource make one refresh', async () => {
  const processes = session.startAll(4)
  const { refreshToken } = session
  for (const process of processes) await process.db.getAccessToken(USER, URL_OF_TOKEN)
  // An SDK names it where it has found the metadata of the resource, which may fail in one process alone.
  const answers = processes.map(({ fetch }, at) =>
    fetch(TOKEN_URL, refreshInit(refreshToken, at % 2 === 0 ? {} : { resource: URL_OF_TOKEN })),
  )
  const statuses = (await settled(Promise.all(answers))).map(({ status }) => status)
  expect(statuses).toEqual([200, 200, 200, 200])
  expect(session.server.count).toMatchObject({ refreshes: 1, refusedRefreshes: 0 })
  session.expectSound()
})

test('refreshes for another scope are not answered with this one', async () => {
  session.server.rotates = false
  const process = session.start()
  const { refreshToken } = session
  await process.db.getAccessToken(USER, URL_OF_TOKEN)
  const ask = (extra: Record<string, string>) =>
    process.fetch(TOKEN_URL, refreshInit(refreshToken, extra))
  const token = session.holdTokenRequest('request')
  const first = ask({ scope: 'read' })
  await token.reached
  expect((await ask({ scope: 'write' })).status).toBe(200)
  token.go()
  expect((await first).status).toBe(200)
  expect(session.server.count.refreshes).toBe(2)
})
