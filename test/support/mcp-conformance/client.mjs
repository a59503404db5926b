// What the conformance suite of MCP runs for each scenario: `node client.mjs v1|v2 memory|redis SERVER_URL`.
import { createRequire } from 'node:module'
import { InMemoryOAuthClientProvider } from '@modelcontextprotocol/sdk/examples/client/simpleOAuthClientProvider.js'
import { loadSdk } from '../mcp/load-sdk.mjs'

const [version, storage, serverUrl] = process.argv.slice(2)
const { REDIS_URL, MCP_CONFORMANCE_CONTEXT } = process.env
const load = createRequire(import.meta.url)
const context = JSON.parse(MCP_CONFORMANCE_CONTEXT ?? '{}')

const REDIRECT_URL = 'http://localhost:3000/callback'
/** Of no server: the suite only compares it. */
const METADATA_URL = 'https://conformance-test.local/client-metadata.json'
const MOST_LOGINS = 3

const { Client, StreamableHTTPClientTransport, UnauthorizedError } = await loadSdk(version)

const clientMetadata = {
  client_name: 'conformance',
  redirect_uris: [REDIRECT_URL],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
}
/** Where the scenario is about a client that was registered beforehand. */
const clientInformation =
  context.client_id === undefined || context.private_key_pem !== undefined
    ? undefined
    : { client_id: context.client_id, client_secret: context.client_secret }

let authorizationUrl
const onRedirect = (url) => {
  authorizationUrl = url
}
let db

function transportOptions() {
  if (storage === 'memory') {
    const authProvider = new InMemoryOAuthClientProvider(
      REDIRECT_URL,
      clientMetadata,
      onRedirect,
      METADATA_URL,
    )
    if (clientInformation) authProvider.saveClientInformation(clientInformation)
    return { authProvider }
  }
  const { RedisOAuthDatabase } = load('../../../dist/index.js')
  const { mcpOAuthProvider } = load('../../../dist/mcp.js')
  db = new RedisOAuthDatabase({ url: REDIS_URL, keyPrefix: `conformance:${process.pid}:` })
  const authProvider = mcpOAuthProvider({
    db,
    userId: 'user',
    serverUrl,
    redirectUrl: REDIRECT_URL,
    clientMetadata,
    clientMetadataUrl: METADATA_URL,
    onRedirect,
    ...(clientInformation ? { clientInformation } : {}),
  })
  return { authProvider, fetch: authProvider.fetch }
}

const options = transportOptions()

/** Does the work, and logs in where it asks for that. The transport that asked knows what the challenge said. */
async function withLogins(work) {
  for (let logins = 0; ; logins += 1) {
    const transport = new StreamableHTTPClientTransport(new URL(serverUrl), options)
    try {
      return await work(transport)
    } catch (error) {
      if (!(error instanceof UnauthorizedError) || logins === MOST_LOGINS) throw error
      const { headers } = await fetch(authorizationUrl, { redirect: 'manual' })
      const { searchParams } = new URL(headers.get('location'))
      await transport.finishAuth(searchParams.get('code'), searchParams.get('iss') ?? undefined)
    }
  }
}

await withLogins(async (transport) => {
  const client = new Client({ name: 'conformance', version: '1.0.0' })
  await client.connect(transport)
  await client.listTools()
  await client.callTool({ name: 'test-tool', arguments: {} })
  await client.close()
})
await db?.close()
// The client of version 2 keeps the process alive.
process.exit()
