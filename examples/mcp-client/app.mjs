import { RedisOAuthDatabase, RedisOAuthDatabaseError } from '@atxp/redis'
import { finishMcpLogin, mcpOAuthProvider } from '@atxp/redis/mcp'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import express from 'express'

const serverUrl = new URL(process.env.MCP_SERVER)
// Behind a load balancer this is one address, and any process gets the callback.
const redirectUrl = process.env.CALLBACK_URL

const db = new RedisOAuthDatabase({
  url: process.env.REDIS_URL ?? 'redis://localhost:6379',
  keyPrefix: process.env.REDIS_KEY_PREFIX ?? 'app:oauth:',
})

const app = express()

// Calls a tool for the user, or sends the browser to the authorization server.
app.get('/whoami', async (request, response) => {
  const provider = mcpOAuthProvider({
    db,
    userId: userOf(request),
    serverUrl,
    redirectUrl,
    clientMetadata: { client_name: 'Express example' },
    onRedirect: (url) => void response.redirect(url.href),
  })
  const client = new Client({ name: 'express-example', version: '1.0.0' })
  try {
    await client.connect(
      new StreamableHTTPClientTransport(serverUrl, {
        authProvider: provider,
        fetch: provider.fetch,
      }),
    )
    const { content } = await client.callTool({ name: 'whoami', arguments: {} })
    response.send(`${content[0].text}, called by process ${process.pid}`)
  } catch (error) {
    // Else the browser is on its way.
    if (!response.headersSent) answerWith(error, response)
  } finally {
    await client.close()
  }
})

app.get('/callback', async (request, response) => {
  try {
    await finishMcpLogin({ db, callbackUrl: request.originalUrl, userId: userOf(request) })
    response.redirect('/whoami')
  } catch (error) {
    answerWith(error, response)
  }
})

/** Your own session decides who that is: a signed cookie, for instance. Never a parameter of the URL. */
function userOf(request) {
  return /(?:^|; )user=([^;]+)/.exec(request.headers.cookie ?? '')?.[1] ?? 'nobody'
}

function answerWith(error, response) {
  const code = error instanceof RedisOAuthDatabaseError ? error.code : 'FAILED'
  const isOver = code === 'LOGIN_NOT_FOUND' || code === 'LOGIN_FAILED'
  response.status(isOver ? 400 : 503).send(code)
}

const listener = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${listener.address().port}`)
})

process.once('SIGTERM', () => {
  listener.close(() => db.close())
  listener.closeAllConnections()
})
