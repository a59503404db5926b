// Calls the tool of an MCP server with the AI SDK: logs in, calls, and calls again when the access token has expired.
import { strictEqual } from 'node:assert'
import { randomUUID } from 'node:crypto'
import { createMCPClient, UnauthorizedError } from '@ai-sdk/mcp'
import { RedisOAuthDatabase } from '@atxp/redis'
import { finishMcpLogin, mcpOAuthProvider } from '@atxp/redis/mcp'
import { startAuthorizationServer } from '../../test/support/fleet/authorization-server.mjs'
import { startMcpServer } from '../../test/support/fleet/mcp-server.mjs'
import { agreeAt } from '../../test/support/mcp/browser.mjs'
import { removeRecords } from '../scratch-records.mjs'

const userId = 'user_123'
const url = process.env.REDIS_URL ?? 'redis://localhost:6379'
const keyPrefix = `example:${randomUUID()}:`

const authorizationServer = await startAuthorizationServer()
const { issuer, introspect } = authorizationServer
const mcpServer = await startMcpServer({ issuer, introspect })
const serverUrl = mcpServer.url()
const db = new RedisOAuthDatabase({ url, keyPrefix })

let loginUrl
const provider = mcpOAuthProvider({
  db,
  userId,
  serverUrl,
  redirectUrl: 'http://app.example/callback',
  clientMetadata: { client_name: 'AI SDK example' },
  onRedirect: (authorizationUrl) => {
    loginUrl = authorizationUrl
  },
})
const connect = () =>
  createMCPClient({
    transport: { type: 'http', url: serverUrl, authProvider: provider, fetch: provider.fetch },
  })

try {
  await connect().catch((error) => {
    if (!(error instanceof UnauthorizedError)) throw error
  })
  console.log(`The user has to log in at ${loginUrl.origin}.`)

  // Your application's callback route does this, in whichever process it comes to.
  await finishMcpLogin({ db, callbackUrl: await agreeAt(loginUrl, userId), userId })

  const client = await connect()
  const { whoami } = await client.tools()
  const call = async () => {
    const { content } = await whoami.execute({}, { messages: [], toolCallId: '1' })
    return content[0].text
  }
  console.log(`The tool answers: ${await call()}.`)

  authorizationServer.expireAccessTokens()
  console.log(`After its token has expired as well: ${await call()}.`)
  strictEqual(authorizationServer.counters().refreshes, 1)
  await client.close()
} finally {
  await db.close()
  await removeRecords(url, keyPrefix)
  await mcpServer.stop()
  await authorizationServer.stop()
}
