import { atxpClient } from '@atxp/client'
import { MemoryOAuthDb } from '@atxp/common'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.js'
import { createAccount } from '../support/fleet/account.mjs'
import {
  type AuthorizationServer,
  startAuthorizationServer,
} from '../support/fleet/authorization-server.mjs'
import { startMcpServer, type TestMcpServer } from '../support/fleet/mcp-server.mjs'
import { ACCOUNT, createRawClient } from '../support/fleet/raw-client.js'

describe('the published client between both servers', () => {
  let server: AuthorizationServer
  let mcp: TestMcpServer
  const silence = { debug() {}, info() {}, warn() {}, error() {} }

  beforeAll(async () => {
    server = await startAuthorizationServer()
    mcp = await startMcpServer({ issuer: server.issuer, introspect: server.introspect })
  })
  afterEach(() => {
    server.reset()
    mcp.reset()
  })
  afterAll(async () => {
    await mcp.stop()
    await server.stop()
  })

  async function connect(path?: string, oAuthDb = new MemoryOAuthDb({ logger: silence })) {
    const streamsBefore = mcp.counters().refusedEventStreams
    const client = await atxpClient({
      mcpServer: mcp.url(path),
      account: createAccount(ACCOUNT),
      allowedAuthorizationServers: [server.issuer as `http://${string}`],
      allowHttp: true,
      oAuthDb,
      logger: silence,
    })
    // Connecting ends with a GET in the background, which would refresh a token that expires before it was answered.
    await eventually(() => mcp.counters().refusedEventStreams > streamsBefore)
    return client
  }

  it('logs in and calls the tool', async () => {
    const client = await connect()
    expect(await client.callTool({ name: 'whoami', arguments: {} })).toMatchObject({
      content: [{ text: `${ACCOUNT} at /mcp` }],
    })
    expect(server.counters()).toMatchObject({ registrations: 1, authorizations: 1, refreshes: 0 })
    await client.close()
  })

  it('refreshes after a challenge with an error', async () => {
    const client = await connect()
    server.expireAccessTokens()
    await client.callTool({ name: 'whoami', arguments: {} })
    expect(server.counters()).toMatchObject({ authorizations: 1, refreshes: 1 })
    await client.close()
  })

  it('authorizes anew after a plain challenge', async () => {
    const client = await connect()
    mcp.configure({ refreshHint: false })
    server.expireAccessTokens()
    await client.callTool({ name: 'whoami', arguments: {} })
    expect(server.counters()).toMatchObject({ authorizations: 2, refreshes: 0 })
    await client.close()
  })

  it('uses the token of a parent path', async () => {
    const oAuthDb = new MemoryOAuthDb({ logger: silence })
    const parent = await connect('/mcp', oAuthDb)
    const child = await connect('/mcp/child/leaf', oAuthDb)
    expect(await child.callTool({ name: 'whoami', arguments: {} })).toMatchObject({
      content: [{ text: `${ACCOUNT} at /mcp/child/leaf` }],
    })
    expect(server.counters()).toMatchObject({ authorizations: 1 })
    await Promise.all([parent.close(), child.close()])
  })

  it('asks for metadata together with others where the server gathers them', async () => {
    server.gatherMetadataRequests(2)
    const first = connect()
    await eventually(() => server.counters().metadataRequests === 1)
    // Another login takes longer than the first client would need to register.
    await createRawClient(server.issuer).login()
    expect(server.counters()).toMatchObject({ registrations: 1 })
    const second = connect()
    for (const client of await Promise.all([first, second])) await client.close()
    expect(server.counters()).toMatchObject({ registrations: 3 })
  })

  it('loses its session with eight parallel calls, as nothing coordinates their refreshes', async () => {
    const client = await connect()
    server.expireAccessTokens()
    const calls = Array.from({ length: 8 }, () =>
      client.callTool({ name: 'whoami', arguments: {} }),
    )
    const outcomes = await Promise.allSettled(calls)
    expect(outcomes.some(({ status }) => status === 'rejected')).toBe(true)
    expect(server.counters().reuseDetections).toBeGreaterThan(0)
    expect(server.counters().familiesRevoked).toBe(1)
    await client.close()
  })
})
