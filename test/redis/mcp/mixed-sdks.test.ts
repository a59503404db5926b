import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { McpScene } from '../../support/mcp/scene.js'
import { SDKS } from '../../support/mcp/sdks.mjs'

// What docs/mcp-sdk.md says of applications that use several SDKs for one session.

let scene: McpScene

beforeAll(async () => {
  scene = await McpScene.start()
})
afterAll(() => scene?.stop())
beforeEach(() => scene.begin())

const connect = async (sdk: keyof typeof SDKS) => {
  const client = await SDKS[sdk](scene.serverUrl, scene.provider())
  await (await client.connect()).close()
}

/** A user logs in by one SDK, the access token expires, and another calls. */
async function refreshedBy(first: keyof typeof SDKS, second: keyof typeof SDKS): Promise<boolean> {
  await connect(first).catch(() => undefined)
  await scene.finish(await scene.agree())
  await connect(second)
  scene.authorizationServer.expireAccessTokens()
  await connect(second).catch(() => undefined)
  const isLoginDue = scene.urls.length > 0
  expect(scene.authorizationServer.counters()).toMatchObject({
    refreshes: isLoginDue ? 0 : 1,
    familiesRevoked: 0,
  })
  return !isLoginDue
}

it.each([
  ['v1', 'v2'],
  ['v2', 'v1'],
  ['ai', 'v1'],
  ['ai', 'v2'],
] as const)('a session begun by %s is refreshed by %s', async (first, second) => {
  expect(await refreshedBy(first, second)).toBe(true)
})

it.each(['v1', 'v2'] as const)(
  'a session begun by %s has @ai-sdk/mcp ask for a login',
  async (first) => {
    expect(await refreshedBy(first, 'ai')).toBe(false)
  },
)
