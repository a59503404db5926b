// Runs app.mjs of examples/ai-sdk in two processes, and plays the part of a user's browser by `fetch`.
import { strictEqual } from 'node:assert'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { startAuthorizationServer } from '../support/fleet/authorization-server.mjs'
import { startMcpServer } from '../support/fleet/mcp-server.mjs'
import { agreeAt } from '../support/mcp/browser.mjs'
import { folderOf, startProgram, stopProgram } from './program.mjs'
import { removeRecords } from './scratch-records.mjs'

const url = process.env.REDIS_URL ?? 'redis://localhost:6379'
const prefix = `example:${randomUUID()}:`

const authorizationServer = await startAuthorizationServer()
const { issuer, introspect } = authorizationServer
const mcpServer = await startMcpServer({ issuer, introspect })
const apps = []

try {
  apps.push(await startApp(), await startApp())
  const [first, second] = apps
  const sent = await get(first, '/')
  strictEqual(sent.status, 302)
  console.log('The first process sends the browser to the authorization server.')

  const callback = new URL(await agreeAt(sent.headers.get('location'), 'user_123'))
  strictEqual((await get(second, `/callback${callback.search}`)).status, 302)
  console.log('The second finishes the login.')

  await listTools(first)
  authorizationServer.expireAccessTokens()
  await Promise.all([first, second, first, second].map(listTools))
  const { registrations, refreshes, familiesRevoked } = authorizationServer.counters()
  strictEqual(`${registrations} ${refreshes} ${familiesRevoked}`, '1 1 0')
  console.log('Both list the tools. One of them has refreshed the expired access token.')
} finally {
  await Promise.all(apps.map(stopProgram))
  await removeRecords(url, prefix)
  await mcpServer.stop()
  await authorizationServer.stop()
}

function startApp() {
  return startProgram(join(folderOf('ai-sdk'), 'app.mjs'), {
    REDIS_URL: url,
    REDIS_KEY_PREFIX: prefix,
    MCP_SERVER: mcpServer.url(),
    CALLBACK_URL: 'http://app.example/callback',
    PORT: '0',
  })
}

/** A browser that follows no redirect by itself. */
function get({ origin }, path) {
  return fetch(`${origin}${path}`, { redirect: 'manual' })
}

async function listTools(app) {
  strictEqual(await (await get(app, '/')).text(), 'whoami\n')
}
