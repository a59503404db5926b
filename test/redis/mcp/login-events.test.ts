import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { SessionEvent } from '../../../src/index.js'
import { prometheusText, startMetrics } from '../../../src/metrics.js'
import { FLOWS, McpScene } from '../../support/mcp/scene.js'
import { SDKS } from '../../support/mcp/sdks.mjs'
import { listenTo } from '../../support/operations/listening.js'

let scene: McpScene

beforeAll(async () => {
  scene = await McpScene.start()
})
afterAll(() => scene?.stop())
beforeEach(() => scene.begin())

/** What is told of logins, and of nothing else. */
function listenToLogins(): () => SessionEvent[] {
  const heard = listenTo<SessionEvent>('session')
  return () => heard.filter(({ event }) => event.startsWith('log'))
}

async function begin(): Promise<URL> {
  const provider = scene.provider()
  expect(await FLOWS.v1(scene, provider, provider.fetch)).toBe('REDIRECT')
  return new URL(await scene.agree())
}

const NEEDED = { event: 'loginNeeded' }
const durationMs = expect.any(Number)

it('a login that finishMcpLogin finishes is told from its beginning to its end', async () => {
  const logins = listenToLogins()
  const callback = await begin()
  expect(logins()).toEqual([NEEDED])
  await scene.finish(callback.href)
  expect(logins()).toEqual([NEEDED, { event: 'loggedIn', durationMs }])
})

it.each(['v1', 'v2', 'ai'] as const)(
  'a login that %s finishes in another process is told, and no refresh after it',
  async (sdk) => {
    const logins = listenToLogins()
    const clientOf = () => SDKS[sdk](scene.serverUrl, scene.provider())
    await expect((await clientOf()).connect()).rejects.toThrow()
    const client = await clientOf()
    await client.finishAuth(new URL(await scene.agree()))
    expect(logins()).toEqual([NEEDED, { event: 'loggedIn', durationMs }])
    scene.authorizationServer.expireAccessTokens()
    const session = await client.connect()
    await session.whoami()
    await session.close()
    expect(scene.authorizationServer.counters().refreshes).toBe(1)
    expect(logins()).toHaveLength(2)
  },
)

it('a login that the user or the authorization server refuses has failed', async () => {
  const logins = listenToLogins()
  const refused = await begin()
  refused.searchParams.delete('code')
  refused.searchParams.set('error', 'access_denied')
  await expect(scene.finish(refused.href)).rejects.toMatchObject({ code: 'LOGIN_FAILED' })
  expect(logins()).toEqual([NEEDED, { event: 'loginFailed', code: 'LOGIN_FAILED', durationMs }])
  const callback = await begin()
  callback.searchParams.set('code', 'another')
  const client = await SDKS.v1(scene.serverUrl, scene.provider())
  await expect(client.finishAuth(callback)).rejects.toThrow()
  expect(logins().slice(2)).toEqual([NEEDED, { event: 'loginFailed', status: 400, durationMs }])
})

it('a callback of no login is told of none', async () => {
  const logins = listenToLogins()
  await expect(scene.finish('/callback?code=code&state=unknown')).rejects.toThrow()
  expect(logins()).toEqual([])
})

it('is counted among the metrics', async () => {
  const stop = startMetrics()
  await scene.logIn()
  const text = prometheusText()
  stop()
  for (const outcome of ['needed', 'done'])
    expect(text).toContain(`atxp_redis_logins_total{outcome="${outcome}"} 1\n`)
  expect(text).toContain('atxp_redis_login_duration_seconds_count{outcome="done"} 1\n')
})
