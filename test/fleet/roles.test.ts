import { atxpClient, type ClientArgs } from '@atxp/client'
import { type FetchLike, type OAuthDb, OAuthResourceClient } from '@atxp/common'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { RedisOAuthDatabase, withOAuthDatabase } from '../../src/index.js'
import { eventually } from '../support/eventually.js'
import { createAccount } from '../support/fleet/account.mjs'
import {
  type AuthorizationServer,
  startAuthorizationServer,
} from '../support/fleet/authorization-server.mjs'
import { startMcpServer, type TestMcpServer } from '../support/fleet/mcp-server.mjs'
import { ACCOUNT } from '../support/fleet/raw-client.js'
import { type RedisServer, startRedis } from '../support/servers/redis-server.js'

interface Channel {
  oAuthDb: OAuthDb
  oAuthChannelFetch?: FetchLike
}

/** What the two roles of one process are given of its database. */
interface Wiring {
  client(db: RedisOAuthDatabase): Channel
  server(db: RedisOAuthDatabase): Channel
}

const wirings: Record<string, Wiring> = {
  'withOAuthDatabase for both roles': {
    // The option that tells a client's options from a resource server's.
    client: (db) => withOAuthDatabase({ mcpServer: mcp.url(), oauthDatabase: db }),
    server: (db) => withOAuthDatabase({ oauthDatabase: db }),
  },
  'forResourceServer() and one coordinatedFetch()': {
    client: (db) => ({ oAuthDb: db, oAuthChannelFetch: db.coordinatedFetch() }),
    server: (db) => ({ oAuthDb: db.forResourceServer(), oAuthChannelFetch: db.coordinatedFetch() }),
  },
  'forResourceServer() alone': {
    client: (db) => ({ oAuthDb: db }),
    server: (db) => ({ oAuthDb: db.forResourceServer() }),
  },
}

const silence = { debug() {}, info() {}, warn() {}, error() {} }

let redis: RedisServer
let authorizationServer: AuthorizationServer
let mcp: TestMcpServer
let db: RedisOAuthDatabase

beforeAll(async () => {
  redis = await startRedis()
  authorizationServer = await startAuthorizationServer()
  const { issuer, introspect } = authorizationServer
  mcp = await startMcpServer({ issuer, introspect })
})
afterAll(async () => {
  await mcp?.stop()
  await authorizationServer?.stop()
  await redis?.stop()
})

beforeEach(async () => {
  await redis.cli('FLUSHALL')
  db = new RedisOAuthDatabase({ url: redis.url })
})
afterEach(async () => {
  await db.close()
  authorizationServer.reset()
  mcp.reset()
})

/** Both roles of one process. */
function play(wiring: Wiring) {
  const { oAuthDb, oAuthChannelFetch: sideChannelFetch = fetch } = wiring.server(db)
  const resource = new OAuthResourceClient({
    db: oAuthDb,
    sideChannelFetch,
    allowInsecureRequests: true,
    logger: silence,
  })
  const connect = async () => {
    const streamsBefore = mcp.counters().refusedEventStreams
    const client = await atxpClient({
      mcpServer: mcp.url(),
      account: createAccount(ACCOUNT),
      allowedAuthorizationServers: [authorizationServer.issuer as `http://${string}`],
      allowHttp: true,
      logger: silence,
      ...wiring.client(db),
    } satisfies ClientArgs)
    // Connecting ends with a GET in the background, which would refresh a token that expires before it was answered.
    await eventually(() => mcp.counters().refusedEventStreams > streamsBefore)
    return client
  }
  /** Whether the access token of the session is active, as the authorization server sees it. */
  const introspect = async () => {
    const held = await db.getAccessToken(ACCOUNT, mcp.url())
    const token = held?.accessToken ?? 'nothing of this server'
    return (await resource.introspectToken(authorizationServer.issuer, token)).active
  }
  return { connect, introspect }
}

async function registeredClients() {
  const { issuer } = authorizationServer
  const asClient = await db.getClientCredentials(issuer)
  const asServer = await db.forResourceServer().getClientCredentials(issuer)
  return { asClient: asClient?.clientId ?? '', asServer: asServer?.clientId ?? '' }
}

describe.each(Object.entries(wirings))('client and resource server over %s', (_name, wiring) => {
  it.each(['the client first', 'the server first', 'both at once'])(
    'register once each: %s',
    async (order) => {
      const { connect, introspect } = play(wiring)
      if (order === 'the server first') await introspect()
      const connecting = connect()
      if (order === 'the client first') await connecting
      await introspect()
      const client = await connecting

      const { asClient, asServer } = await registeredClients()
      expect(new Set([asClient, asServer, '']).size).toBe(3)
      expect(authorizationServer.counters()).toMatchObject({ registrations: 2, refusedClients: 0 })
      await client.close()
    },
  )

  it('are each known by their own registration again and again', async () => {
    const { connect, introspect } = play(wiring)
    const client = await connect()
    const rounds = 3
    for (let round = 0; round < rounds; round += 1) {
      expect(await introspect()).toBe(true)
      authorizationServer.expireAccessTokens()
      await client.callTool({ name: 'whoami', arguments: {} })
    }
    expect(authorizationServer.counters()).toMatchObject({
      registrations: 2,
      authorizations: 1,
      refreshes: rounds,
      introspections: rounds,
      refusedClients: 0,
    })
    await client.close()
  })

  it('lose only the registration of the resource server when that one is forgotten', async () => {
    const { connect, introspect } = play(wiring)
    const client = await connect()
    await introspect()
    const before = await registeredClients()
    authorizationServer.forgetClients(before.asServer)
    expect(await introspect()).toBe(true)

    const after = await registeredClients()
    expect(after.asClient).toBe(before.asClient)
    expect(after.asServer).not.toBe(before.asServer)
    authorizationServer.expireAccessTokens()
    await client.callTool({ name: 'whoami', arguments: {} })
    expect(authorizationServer.counters()).toMatchObject({ registrations: 3, refreshes: 1 })
    await client.close()
  })
})

it('a forgotten client takes nothing from the resource server of its process', async () => {
  const { connect, introspect } = play(wirings['withOAuthDatabase for both roles'] as Wiring)
  const client = await connect()
  await introspect()
  const before = await registeredClients()
  authorizationServer.forgetClients(before.asClient)
  authorizationServer.expireAccessTokens()
  await eventually(() => client.callTool({ name: 'whoami', arguments: {} }))

  const after = await registeredClients()
  expect(after.asClient).not.toBe(before.asClient)
  expect(after.asServer).toBe(before.asServer)
  expect(await introspect()).toBe(true)
  expect(authorizationServer.counters()).toMatchObject({ registrations: 3 })
  await client.close()
})

it('one registration for both roles is refused, so that these tests can fail', async () => {
  const one = { client: () => ({ oAuthDb: db }), server: () => ({ oAuthDb: db }) }
  const { connect, introspect } = play(one)
  const client = await connect()
  await introspect().catch(() => undefined)
  authorizationServer.expireAccessTokens()
  await client.callTool({ name: 'whoami', arguments: {} }).catch(() => undefined)
  expect(authorizationServer.counters().refusedClients).toBeGreaterThan(0)
  await client.close()
})
