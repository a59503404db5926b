import { beforeEach, expect, test, vi } from 'vitest'
import { RedisOAuthDatabaseError } from '../../../../src/leaves/errors.js'
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

test('one 503 fails one call, and nobody shares it', async () => {
  const processes = session.startAll(4)
  const token = session.holdTokenRequest()
  const all = refreshAll(processes, 2)
  await token.reached
  token.go(json(503, {}))
  const statuses = await all
  expect(statuses.filter((status) => status === 503)).toHaveLength(1)
  expect(statuses.filter((status) => status === 200)).toHaveLength(7)
  expect(session.server.count.refreshes).toBe(1)
  session.expectSound()
})

test('a network failure fails one call, and the next tries by itself', async () => {
  const processes = session.startAll(3)
  const token = session.holdTokenRequest()
  const all = settled(Promise.allSettled(processes.map((process) => process.refresh())))
  await token.reached
  token.go(new TypeError('fetch failed'))
  const outcomes = await all
  expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([
    { status: 'rejected', reason: new TypeError('fetch failed') },
  ])
  expect(session.server.count.refreshes).toBe(1)
  session.expectSound()
})

test('an answer that is no token response is passed on and saved by nobody', async () => {
  const process = session.start()
  const before = session.record
  await process.db.getAccessToken(USER, URL_OF_TOKEN)
  for (const answer of [json(200, { hello: 1 }), new Response('<html>'), json(200, [])]) {
    session.server.step = () => answer.clone()
    const got = await process.fetch(TOKEN_URL, refreshInit(before?.refreshToken ?? ''))
    expect(await got.text()).toBe(await answer.text())
  }
  expect(session.record).toBe(before)
})

test.each<[number, string]>([
  [403, '<html>go away</html>'],
  [429, '{"error":"slow_down"}'],
  [500, '{"error":"invalid_grant"}'],
  [503, '{"error":"invalid_client"}'],
])('a %d with %s refuses nothing, and leaves the record', async (status, body) => {
  session.server.step = () => new Response(body, { status })
  expect(await session.start().refresh()).toBe(status)
  expect(session.record).toBeDefined()
})

test('a peer that died before it marked the token is outlasted by no more than the lease', async () => {
  const [victim, ...others] = session.startAll(4) as [FleetProcess, ...FleetProcess[]]
  const marking = session.holdCall('mark')
  const lost = victim.refresh()
  await marking.reached
  session.store.failing = (call) => call === 'renew'
  const startedAt = performance.now()
  expect(await refreshAll(others, 2)).toEqual(Array(6).fill(200))
  expect(performance.now() - startedAt).toBeLessThan(5_500)
  expect(session.server.count.refreshes).toBe(1)
  session.expectSound()
  lost.catch(() => undefined)
})

test('a peer that died with the token marked as sent is outlasted by lease and mark, 15 seconds', async () => {
  const [victim, ...others] = session.startAll(4) as [FleetProcess, ...FleetProcess[]]
  const token = session.holdTokenRequest('request')
  const lost = victim.refresh()
  await token.reached
  // From here on the victim neither renews nor writes.
  session.store.failing = (call) => call === 'renew'
  const startedAt = performance.now()
  expect(await refreshAll(others, 2)).toEqual(Array(6).fill(200))
  expect(performance.now() - startedAt).toBeGreaterThan(10_000)
  expect(performance.now() - startedAt).toBeLessThan(15_500)
  expect(session.server.count.refreshes).toBe(1)
  session.expectSound()
  lost.catch(() => undefined)
})

test('a stalled holder that was overtaken answers with what stands, and overwrites nothing', async () => {
  session.server.rotates = false
  const [stalled, other] = session.startAll(2) as [FleetProcess, FleetProcess]
  const token = session.holdTokenRequest('answer')
  const late = stalled.refresh()
  await token.reached
  session.store.failing = (call) => call === 'renew'
  expect(await refreshAll([other])).toEqual([200])
  token.go()
  expect(await settled(late)).toBe(200)
  expect(session.server.count.refreshes).toBe(2)
  session.expectSound()
})

test('with the store away a refresh fails by its error, and the server is not asked', async () => {
  const process = session.start()
  const { refreshToken } = session
  await process.db.getAccessToken(USER, URL_OF_TOKEN)
  for (const call of ['read', 'acquire']) {
    session.store.failing = (made) => made === call
    await expect(process.fetch(TOKEN_URL, refreshInit(refreshToken))).rejects.toMatchObject({
      code: 'CONNECTION_LOST',
    })
  }
  expect(session.server.count.refreshes).toBe(0)
})

test('a pair renewed while the store is away is saved when it comes back', async () => {
  const processes = session.startAll(3)
  const token = session.holdTokenRequest('answer')
  const all = Promise.allSettled(processes.map((process) => process.refresh()))
  await token.reached
  session.store.failing = (call) => call !== 'watch'
  token.go()
  await vi.advanceTimersByTimeAsync(4_000)
  session.store.failing = null
  const outcomes = await settled(all)
  expect(outcomes).toContainEqual({ status: 'fulfilled', value: 200 })
  expect(session.server.count.refreshes).toBe(1)
  session.expectSound()
})

test('a store that stays away ends the refresh with its error, within saveMs', async () => {
  const process = session.start({ timing: { saveMs: 2_000 } })
  session.store.failing = (call) => call === 'replace'
  const startedAt = performance.now()
  await expect(settled(process.refresh())).rejects.toMatchObject({
    code: 'CONNECTION_LOST',
  })
  expect(performance.now() - startedAt).toBeLessThan(2_500)
})

test('a pair whose caller has been told of the failure is saved once the store is back, before others may try', async () => {
  const process = session.start({ timing: { saveMs: 2_000 } })
  session.store.failing = (call) => call === 'replace'
  await expect(settled(process.refresh())).rejects.toMatchObject({ code: 'CONNECTION_LOST' })
  expect(session.store.heldLeases).toBe(1)
  session.store.failing = null
  await vi.advanceTimersByTimeAsync(1_000)
  expect(session.store.heldLeases).toBe(0)
  expect(session.server.count.refreshes).toBe(1)
  session.expectSound()
})

test('a store error that will not pass ends the refresh at once', async () => {
  const process = session.start()
  session.store.step = (call) => {
    if (call === 'replace') throw new RedisOAuthDatabaseError('CLOSED', 'closed')
  }
  await expect(process.refresh()).rejects.toMatchObject({ code: 'CLOSED' })
  expect(session.store.calls.filter((call) => call === 'replace')).toHaveLength(1)
})

test('a process that closes sends the token while 10 seconds are left to save the new pair, and not after', async () => {
  let closesAtMs = performance.now() + 9_999
  const closing = session.start({ closesAtMs: () => closesAtMs })
  await expect(settled(closing.refresh())).rejects.toMatchObject({
    code: 'CLOSED',
    message: expect.stringContaining('was not sent'),
  })
  expect(session.server.count.refreshes).toBe(0)
  // Neither lease nor mark is left behind.
  const startedAt = performance.now()
  closesAtMs = startedAt + 10_500
  expect(await settled(closing.refresh())).toBe(200)
  expect(performance.now() - startedAt).toBeLessThan(500)
  session.expectSound()
})

test('a server that never answers fails the holder after requestMs, and the next tries', async () => {
  const processes = session.startAll(2)
  const token = session.holdTokenRequest('request')
  const startedAt = performance.now()
  const outcomes = settled(Promise.allSettled(processes.map((process) => process.refresh())))
  await token.reached
  expect(await outcomes).toEqual(
    expect.arrayContaining([
      { status: 'rejected', reason: expect.objectContaining({ code: 'OUTCOME_UNKNOWN' }) },
      { status: 'fulfilled', value: 200 },
    ]),
  )
  // The limit, a rest of a second, and the looks between.
  expect(performance.now() - startedAt).toBeLessThan(27_000)
})

test.each<[string, () => ReadableStream<Uint8Array>]>([
  ['stalls', () => new ReadableStream({ pull: () => new Promise(() => undefined) })],
  [
    'trickles for ever',
    () =>
      new ReadableStream({
        async pull(controller) {
          await new Promise((resolve) => setTimeout(resolve, 1_000))
          controller.enqueue(Buffer.from(' '))
        },
      }),
  ],
])(
  'a server whose body %s fails the holder after requestMs, and the lease is free',
  async (_, body) => {
    const process = session.start()
    const token = session.holdTokenRequest('answer')
    const refresh = process.refresh()
    await token.reached
    token.go(new Response(body()))
    await expect(settled(refresh)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    expect(session.store.heldLeases).toBe(0)
  },
)
