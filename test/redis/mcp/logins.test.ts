import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { sessions } from '../../../src/admin.js'
import type { RedisOAuthDatabase } from '../../../src/index.js'
import { finishMcpLogin, type McpOAuthProvider, mcpOAuthProvider } from '../../../src/mcp.js'
import {
  type AuthorizationServer,
  startAuthorizationServer,
} from '../../support/fleet/authorization-server.mjs'
import { startMcpServer, type TestMcpServer } from '../../support/fleet/mcp-server.mjs'
import { agreeAt } from '../../support/mcp/browser.mjs'
import { SDKS } from '../../support/mcp/sdks.mjs'
import { openDatabase } from '../../support/scene.js'
import { type RedisServer, startRedis } from '../../support/servers/redis-server.js'

const USER = 'user_123'
const REDIRECT_URL = 'http://127.0.0.1:9/callback'

let redis: RedisServer
let authorizationServer: AuthorizationServer
let mcpServer: TestMcpServer
let db: RedisOAuthDatabase
let urls: URL[]

beforeAll(async () => {
  redis = await startRedis()
  authorizationServer = await startAuthorizationServer()
  const { issuer, introspect } = authorizationServer
  mcpServer = await startMcpServer({ issuer, introspect })
})

afterAll(async () => {
  await mcpServer?.stop()
  await authorizationServer?.stop()
  await redis?.stop()
})

beforeEach(async () => {
  authorizationServer.reset()
  mcpServer.reset()
  db = openDatabase({ url: redis.url, keyPrefix: `${randomUUID()}:` })
  urls = []
})

function newProvider(userId = USER): McpOAuthProvider {
  return mcpOAuthProvider({
    db,
    userId,
    serverUrl: mcpServer.url(),
    redirectUrl: REDIRECT_URL,
    clientMetadata: { client_name: 'My app' },
    onRedirect: (url) => void urls.push(url),
  })
}

describe.each(['v1', 'v2', 'ai'] as const)('a client of %s', (sdk) => {
  const clientOf = (provider: McpOAuthProvider) => SDKS[sdk](mcpServer.url(), provider)

  async function logIn(provider = newProvider()): Promise<void> {
    await expect((await clientOf(provider)).connect()).rejects.toThrow()
    const callbackUrl = await agreeAt(String(urls.pop()), USER)
    await finishMcpLogin({ db, callbackUrl, userId: USER })
  }

  it('logs in, calls, and renews its tokens', async () => {
    await logIn()
    const session = await (await clientOf(newProvider())).connect()
    expect(await session.whoami()).toBe(`${USER} at /mcp`)
    authorizationServer.expireAccessTokens()
    expect(await session.whoami()).toBe(`${USER} at /mcp`)
    await session.close()
    expect(authorizationServer.counters()).toMatchObject({
      registrations: 1,
      codeGrants: 1,
      refreshes: 1,
      familiesRevoked: 0,
    })
    expect(await sessions(db, USER)).toMatchObject([
      { url: mcpServer.url(), hasRefreshToken: true },
    ])
  })

  it("finishes a login by the SDK's own call, in another process", async () => {
    await expect((await clientOf(newProvider())).connect()).rejects.toThrow()
    const callback = new URL(await agreeAt(String(urls.pop()), USER))
    await (await clientOf(newProvider())).finishAuth(callback)
    const session = await (await clientOf(newProvider())).connect()
    expect(await session.whoami()).toBe(`${USER} at /mcp`)
    await session.close()
  })
})
