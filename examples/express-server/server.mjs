import { createHash, randomUUID } from 'node:crypto'
import { OAuthResourceClient } from '@atxp/common'
import { RedisOAuthDatabase, withOAuthDatabase } from '@atxp/redis'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import express from 'express'

const SESSION_LIFETIME_MS = 60 * 60 * 1000

const authorizationServer = process.env.AUTHORIZATION_SERVER

const oauthDb = new RedisOAuthDatabase({
  url: process.env.REDIS_URL ?? 'redis://localhost:6379',
  keyPrefix: process.env.REDIS_KEY_PREFIX ?? 'server:oauth:',
})

// Introspects tokens as a client of the authorization server. The registration that it needs is in Redis, so that all
// instances use one, and apart from the one that the same process may have as a client.
const { oAuthDb, oAuthChannelFetch } = withOAuthDatabase({ oauthDatabase: oauthDb })
const oauth = new OAuthResourceClient({
  db: oAuthDb,
  sideChannelFetch: oAuthChannelFetch,
  clientName: 'Express example',
  allowInsecureRequests: true, // only because the example's authorization server has no TLS
  logger: { debug() {}, info() {}, warn: console.warn, error: console.error },
})

const app = express()

app.get('/.well-known/oauth-protected-resource/mcp', (request, response) => {
  response.json({
    resource: `http://${request.headers.host}/mcp`,
    authorization_servers: [authorizationServer],
  })
})

// An MCP server for clients that bring an access token with each request.
app.post('/mcp', requireAccessToken, async (request, response) => {
  const mcp = new McpServer({ name: 'express-example', version: '1.0.0' })
  mcp.registerTool('whoami', { description: 'Tells whose token came with the call.' }, () => ({
    content: [{ type: 'text', text: `${request.user}, answered by process ${process.pid}` }],
  }))
  const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true })
  response.on('close', () => mcp.close())
  await mcp.connect(transport)
  await transport.handleRequest(request, response)
})
app.all('/mcp', requireAccessToken, (_request, response) => response.status(405).end())

// Sessions for browsers: begun at one instance, known to every other, ended at any.
app.post('/session', requireAccessToken, async (request, response) => {
  const id = randomUUID()
  const expiresAt = new Date(Date.now() + SESSION_LIFETIME_MS)
  await oauthDb.storeToken(sessionKey(id), request.user, expiresAt)
  response.cookie('session', id, { httpOnly: true, sameSite: 'strict', expires: expiresAt })
  response.sendStatus(201)
})

app.get('/session', async (request, response) => {
  const user = await oauthDb.getToken(sessionKey(sessionId(request)))
  if (user === null) return response.sendStatus(401)
  response.json({ user, process: process.pid })
})

app.delete('/session', async (request, response) => {
  await oauthDb.deleteToken(sessionKey(sessionId(request)))
  response.clearCookie('session').sendStatus(204)
})

/** What `atxpExpress` of `@atxp/express` does first: no valid token, no service. */
async function requireAccessToken(request, response, next) {
  const token = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1]
  const { active, sub } = token
    ? await oauth.introspectToken(authorizationServer, token)
    : { active: false }
  if (active) {
    request.user = sub
    return next()
  }
  const metadata = `http://${request.headers.host}/.well-known/oauth-protected-resource/mcp`
  response.set('www-authenticate', `Bearer resource_metadata="${metadata}"`).sendStatus(401)
}

function sessionId(request) {
  return /(?:^|; )session=([^;]+)/.exec(request.headers.cookie ?? '')?.[1] ?? ''
}

/** Whoever holds a session's id holds the session, so the id does not stand in the name of a key. */
function sessionKey(id) {
  return createHash('sha256').update(id).digest('base64url')
}

const listener = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${listener.address().port}`)
})

process.once('SIGTERM', () => {
  listener.close(() => oauthDb.close())
  listener.closeAllConnections()
})
