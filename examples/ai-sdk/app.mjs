// A web application that lists the tools of an MCP server with the AI SDK. The browser may come back to any process.
import { createServer } from 'node:http'
import { createMCPClient } from '@ai-sdk/mcp'
import { RedisOAuthDatabase } from '@atxp/redis'
import { finishMcpLogin, mcpOAuthProvider } from '@atxp/redis/mcp'

const db = RedisOAuthDatabase.fromEnv()
const serverUrl = process.env.MCP_SERVER ?? ''
const userId = 'user_123' // take it from your own session, never from the URL

const server = createServer((request, response) => void answer(request, response))

async function answer(request, response) {
  try {
    const path = request.url ?? ''
    if (path.startsWith('/callback')) {
      await finishMcpLogin({ db, callbackUrl: path, userId })
      response.writeHead(302, { location: '/' }).end()
    } else if (path === '/') {
      await listTools(response)
    } else {
      response.writeHead(404).end()
    }
  } catch (error) {
    // Else the browser is on its way to the authorization server.
    if (!response.headersSent) response.writeHead(500).end(String(error))
  }
}

async function listTools(response) {
  const authProvider = mcpOAuthProvider({
    db,
    userId,
    serverUrl,
    redirectUrl: process.env.CALLBACK_URL ?? 'http://localhost:3000/callback',
    clientMetadata: { client_name: 'AI SDK example' },
    onRedirect: (url) => response.writeHead(302, { location: url.href }).end(),
  })
  const client = await createMCPClient({
    transport: { type: 'http', url: serverUrl, authProvider, fetch: authProvider.fetch },
  })
  try {
    // What `generateText({ model, tools, prompt })` of `ai` takes.
    const tools = await client.tools()
    response.end(`${Object.keys(tools).join('\n')}\n`)
  } finally {
    await client.close()
  }
}

server.listen(Number(process.env.PORT ?? 3000), 'localhost', () => {
  console.log(`http://localhost:${server.address().port}`)
})

process.once('SIGTERM', () => {
  server.close(() => void db.close())
  server.closeAllConnections()
})
