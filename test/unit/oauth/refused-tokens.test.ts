import { afterEach, beforeEach, expect, test, vi } from 'vitest'

import { ExpiredSession } from '../../support/oauth/expired-session.js'
import { type FleetProcess, URL_OF_TOKEN } from '../../support/oauth/fleet-process.js'

let session: ExpiredSession

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] })
  session = new ExpiredSession()
})

afterEach(() => {
  vi.useRealTimers()
})

async function refuse(process: FleetProcess, accessToken: string | undefined): Promise<void> {
  const headers = new Headers({ authorization: `Bearer ${accessToken}` })
  expect((await process.fetch(URL_OF_TOKEN, { headers })).status).toBe(401)
}

test('a client whose old token was refused does not renew the new one that it read', async () => {
  const [first, second] = session.startAll(2, { seesResources: true }) as FleetProcess[]
  const old = session.record?.accessToken
  await refuse(first as FleetProcess, old)
  await refuse(second as FleetProcess, old)
  expect(await first?.refresh()).toBe(200)
  expect(await second?.refresh()).toBe(200)
  expect(session.server.count.refreshes).toBe(1)
})

test('a client whose new token was refused too renews it', async () => {
  const [first, second] = session.startAll(2, { seesResources: true }) as FleetProcess[]
  const old = session.record?.accessToken
  await refuse(second as FleetProcess, old)
  expect(await first?.refresh()).toBe(200)
  session.server.expireAccessTokens()
  await refuse(second as FleetProcess, session.record?.accessToken)
  expect(await second?.refresh()).toBe(200)
  expect(session.server.count.refreshes).toBe(2)
  session.expectSound()
})

test('a new token that has expired by the clock is renewed, refused or not', async () => {
  const [first, second] = session.startAll(2, { seesResources: true }) as FleetProcess[]
  await refuse(second as FleetProcess, session.record?.accessToken)
  session.server.expiresIn = 5
  expect(await first?.refresh()).toBe(200)
  await vi.advanceTimersByTimeAsync(6_000)
  expect(await second?.refresh()).toBe(200)
  expect(session.server.count.refreshes).toBe(2)
})

test('a refusal long ago does not keep a client from renewing before the expiry', async () => {
  const [first, second] = session.startAll(2, { seesResources: true }) as FleetProcess[]
  await refuse(second as FleetProcess, session.record?.accessToken)
  expect(await first?.refresh()).toBe(200)
  await vi.advanceTimersByTimeAsync(31_000)
  expect(await second?.refresh()).toBe(200)
  expect(session.server.count.refreshes).toBe(2)
})
