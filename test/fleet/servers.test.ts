import { OAuthResourceClient } from '@atxp/common'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { RedisOAuthDatabase, withOAuthDatabase } from '../../src/index.js'
import {
  type AuthorizationServer,
  startAuthorizationServer,
} from '../support/fleet/authorization-server.mjs'
import { createRawClient } from '../support/fleet/raw-client.js'
import { type RedisServer, startRedis } from '../support/servers/redis-server.js'

const silence = { debug() {}, info() {}, warn() {}, error() {} }
const OPTIONS = { destination: '0xabc', allowHttp: true, logger: silence }
const CALLS_EACH = 8

let redis: RedisServer
let authorizationServer: AuthorizationServer
let databases: RedisOAuthDatabase[]

beforeAll(async () => {
  redis = await startRedis()
  authorizationServer = await startAuthorizationServer()
})
afterAll(async () => {
  await authorizationServer?.stop()
  await redis?.stop()
})
beforeEach(async () => {
  await redis.cli('FLUSHALL')
  authorizationServer.reset()
  databases = [1, 2].map(() => new RedisOAuthDatabase({ url: redis.url }))
})
afterEach(() => Promise.all(databases.map((db) => db.close())))

it.each([
  ['as found', undefined],
  ['of the class that is passed', OAuthResourceClient],
])(
  'two servers whose client was forgotten register once, with the oAuthClient %s',
  async (_, given) => {
    const { issuer } = authorizationServer
    const servers = databases.map((oauthDatabase) =>
      withOAuthDatabase({ ...OPTIONS, oauthDatabase }, { OAuthResourceClient: given }),
    )
    const introspectAll = () =>
      Promise.all(
        servers.flatMap(({ oAuthClient }) =>
          Array.from({ length: CALLS_EACH }, () => oAuthClient.introspectToken(issuer, token)),
        ),
      )
    const { tokens } = await createRawClient(issuer).login()
    const token = String(tokens.access_token)
    const states = await introspectAll()
    expect(states.map(({ active }) => active)).toEqual(Array(2 * CALLS_EACH).fill(true))
    // One is the raw client's.
    expect(authorizationServer.counters().registrations).toBe(2)
    authorizationServer.forgetClients()
    await introspectAll()
    expect(authorizationServer.counters().registrations).toBe(3)
  },
)

it('an oAuthClient of the caller stays, and a client gets none', () => {
  const [oauthDatabase] = databases as [RedisOAuthDatabase]
  const oAuthClient = { introspectToken: async () => ({ active: true }) }
  expect(withOAuthDatabase({ ...OPTIONS, oAuthClient, oauthDatabase }).oAuthClient).toBe(
    oAuthClient,
  )
  const client = withOAuthDatabase({ mcpServer: 'https://mcp.example/', oauthDatabase })
  expect(client).not.toHaveProperty('oAuthClient')
})
