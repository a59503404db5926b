import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { finishMcpLogin } from '../../../src/mcp.js'
import { FLOWS, McpScene, USER } from '../../support/mcp/scene.js'
import { openDatabase } from '../../support/scene.js'

const MOVED = ['/token', '/register']

let scene: McpScene

beforeAll(async () => {
  scene = await McpScene.start()
})
afterAll(() => scene?.stop())
beforeEach(() => scene.begin())

/** As of a server whose endpoints have moved, by a slash at their ends. */
const redirected = (async (input: string | URL, init?: RequestInit) => {
  const url = new URL(input)
  if (MOVED.includes(url.pathname)) {
    return new Response(null, { status: 307, headers: { location: `${url.pathname}/` } })
  }
  return fetch(new URL(url.pathname.replace(/\/$/, '') + url.search, url), init)
}) as typeof fetch

/** Each SDK follows such redirects itself. */
describe.each(['v1', 'v2'] as const)('processes of %s, redirected within an origin', (sdk) => {
  const callAll = () =>
    Promise.all(
      Array.from({ length: 3 }, () => {
        const db = openDatabase({ url: scene.redis.url, keyPrefix: scene.keyPrefix })
        const provider = scene.provider({ db, fetch: redirected })
        return FLOWS[sdk](scene, provider, provider.fetch)
      }),
    )

  it('register once, and refresh once', async () => {
    scene.authorizationServer.gatherMetadataRequests(3)
    expect(await callAll()).toEqual(['REDIRECT', 'REDIRECT', 'REDIRECT'])
    const callbackUrl = await scene.agree()
    await finishMcpLogin({ db: scene.db, callbackUrl, userId: USER, fetch: redirected })
    expect(await callAll()).toEqual(['AUTHORIZED', 'AUTHORIZED', 'AUTHORIZED'])
    expect(scene.authorizationServer.counters()).toMatchObject({
      registrations: 1,
      refreshes: 1,
      reuseDetections: 0,
    })
  })
})
