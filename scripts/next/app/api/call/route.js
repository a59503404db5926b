import { subscribe } from 'node:diagnostics_channel'
import { atxpClient, OAuthAuthenticationRequiredError } from '@atxp/client'
import { CHANNELS, RedisOAuthDatabase, withOAuthDatabase } from '@atxp/redis'
import { createAccount } from '../../../account.mjs'

export const dynamic = 'force-dynamic'

const { AUTHORIZATION_SERVER, MCP_SERVER, PREFIX, REDIS_URL, CLASS } = process.env
const silence = { debug() {}, info() {}, warn() {}, error() {} }

/** What this process was told since the last answer. */
const told = []
subscribe(CHANNELS.session, ({ event }) => told.push(event))
process.on('warning', ({ code }) => told.push(code))

let connecting

function connect() {
  globalThis.db ??= new RedisOAuthDatabase({ url: REDIS_URL, keyPrefix: PREFIX })
  const options = {
    mcpServer: MCP_SERVER,
    account: createAccount('base:0xnext'),
    allowedAuthorizationServers: [AUTHORIZATION_SERVER],
    allowHttp: true,
    logger: silence,
    oauthDatabase: globalThis.db,
  }
  const wiring = CLASS === 'passed' ? { OAuthAuthenticationRequiredError } : {}
  return atxpClient(withOAuthDatabase(options, wiring))
}

/** Calls the tool of the MCP server. */
export async function GET() {
  connecting ??= connect()
  const client = await connecting
  const request = { name: 'whoami', arguments: {} }
  const outcome = await client.callTool(request).then(
    ({ content }) => ({ text: content[0].text }),
    ({ message }) => ({ failure: message }),
  )
  // A warning is emitted in the next turn.
  await new Promise((resolve) => setImmediate(resolve))
  return Response.json({ ...outcome, told: told.splice(0) })
}
