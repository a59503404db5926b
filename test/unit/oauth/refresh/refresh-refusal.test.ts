import { beforeEach, expect, test, vi } from 'vitest'
import { ClientSession } from '../../../../src/oauth/session/client-session.js'
import { holdTime } from '../../../support/held-time.js'
import { ExpiredSession, refreshAll, settled } from '../../../support/oauth/expired-session.js'
import {
  type FleetProcess,
  refreshInit,
  URL_OF_TOKEN,
  USER,
} from '../../../support/oauth/fleet-process.js'
import { TOKEN_URL } from '../../../support/oauth/strict-server.js'

let session: ExpiredSession

holdTime()

beforeEach(() => {
  session = new ExpiredSession()
})

test('a refused refresh token is asked for once, and its record removed', async () => {
  const processes = session.startAll(4)
  session.server.families.length = 0
  expect(await refreshAll(processes, 2)).toEqual(Array(8).fill(400))
  expect(session.server.count.refusedRefreshes).toBe(1)
  expect(session.record).toBeUndefined()
})

test('a refusal is not for a record that holds another pair by then: that is the answer', async () => {
  const process = session.start()
  const token = session.holdTokenRequest('answer')
  session.server.families.length = 0
  const refresh = process.refresh()
  await token.reached
  session.save({ ...session.server.login() })
  token.go()
  expect(await refresh).toBe(200)
  expect(session.record).toMatchObject({ accessToken: session.server.families[0]?.accessToken })
})

class AuthorizeAnew extends Error {}

const pass = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** Refreshes as the published client does, which logs in upon the error. */
async function refreshOrLogin(
  process: FleetProcess,
  loginMs: number = 0,
): Promise<number | 'authorized'> {
  try {
    return await process.refresh()
  } catch (error) {
    if (!(error instanceof AuthorizeAnew)) throw error
    if (loginMs > 0) await pass(loginMs)
    await process.db.saveAccessToken(USER, URL_OF_TOKEN, {
      ...session.server.login(),
      resourceUrl: URL_OF_TOKEN,
    })
    return 'authorized'
  }
}

test('after a refusal one caller authorizes anew, and the others take what it saved', async () => {
  const asked: unknown[] = []
  const processes = session.startAll(4, {
    authorizeAnew: (place) => {
      asked.push(place)
      return new AuthorizeAnew()
    },
  })
  session.server.families.length = 0
  const calls = [...processes, ...processes].map((process) => refreshOrLogin(process))
  const outcomes = await settled(Promise.all(calls))
  expect(outcomes.filter((outcome) => outcome === 'authorized')).toHaveLength(1)
  expect(outcomes.filter((outcome) => outcome === 200)).toHaveLength(7)
  expect(asked).toEqual([{ userId: USER, url: URL_OF_TOKEN, resourceUrl: URL_OF_TOKEN }])
  expect(session.server.count.refusedRefreshes).toBe(1)
  // Two leases were named, that of the refresh and that of the authorization, and two rests.
  expect(session.store.names.size).toBe(4)
  for (const name of session.store.names) expect(name).toMatch(/^[0-9a-f]{64}$/)
  session.expectSound()
})

test('nobody is answered with a refused pair that could not be removed', async () => {
  const authorizeAnew = async () => {
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    return new AuthorizeAnew()
  }
  const [first, second] = session.startAll(2, { authorizeAnew }) as [FleetProcess, FleetProcess]
  const { refreshToken } = session
  session.server.families.length = 0
  session.store.failing = (call) => call === 'remove'
  await second.db.getAccessToken(USER, URL_OF_TOKEN)
  const login = refreshOrLogin(first)
  await vi.waitFor(() => expect(session.server.count.refusedRefreshes).toBe(1))
  const answer = await settled(second.fetch(TOKEN_URL, refreshInit(refreshToken)))
  expect(await login).toBe('authorized')
  expect(await answer.json()).toMatchObject({ refresh_token: session.refreshToken })
  session.expectSound()
})

test('whoever waits for an authorization that never comes authorizes by itself', async () => {
  const processes = session.startAll(3, { authorizeAnew: () => new AuthorizeAnew() })
  session.server.families.length = 0
  const startedAt = performance.now()
  const outcomes = await settled(Promise.allSettled(processes.map((process) => process.refresh())))
  for (const outcome of outcomes) {
    expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(AuthorizeAnew) })
  }
  expect(performance.now() - startedAt).toBeLessThan(6_000)
})

/** Processes whose client tells of its logins, and whose refresh token is refused. */
function startRefused(count: number, isInteractive: boolean): FleetProcess[] {
  session.server.families.length = 0
  return Array.from({ length: count }, () =>
    session.start({
      authorizeAnew: () => new AuthorizeAnew(),
      session: new ClientSession({ isInteractive }),
    }),
  )
}

test('one process logs in, also where that takes longer than a lease and Redis fails meanwhile', async () => {
  const calls = startRefused(4, false).map((process) => refreshOrLogin(process, 6_000))
  const away = pass(1_000).then(async () => {
    session.store.failing = (call) => call === 'read'
    await pass(2_000)
    session.store.failing = null
  })
  const outcomes = await settled(Promise.all([...calls, away]))
  expect(outcomes.filter((outcome) => outcome === 'authorized')).toHaveLength(1)
  expect(outcomes.filter((outcome) => outcome === 200)).toHaveLength(3)
  session.expectSound()
})

test('where a person logs in, nobody waits for it for longer than a second', async () => {
  const startedAt = performance.now()
  const waitsMs = startRefused(3, true).map(async (process) => {
    await expect(process.refresh()).rejects.toThrow(AuthorizeAnew)
    return performance.now() - startedAt
  })
  expect(Math.max(...(await settled(Promise.all(waitsMs))))).toBe(1_000)
})

test('without a way to authorize anew in this call the client gets the refusal', async () => {
  const process = session.start({ authorizeAnew: () => null })
  session.server.families.length = 0
  expect(await process.refresh()).toBe(400)
})

test('a client that the server forgot loses its registration, and with it the refresh token', async () => {
  const processes = session.startAll(3)
  session.store.clients.set('https://auth.example', {
    clientId: 'client-0',
    clientSecret: '',
    redirectUri: '',
  })
  session.server.clients.clear()
  const statuses = await refreshAll(processes)
  expect(statuses).toEqual(expect.arrayContaining([401, 400, 400]))
  expect(session.store.clients.size).toBe(0)
  expect(session.record).toBeUndefined()
})
