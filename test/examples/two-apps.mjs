import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { startAuthorizationServer } from '../support/fleet/authorization-server.mjs'
import { startMcpServer } from '../support/fleet/mcp-server.mjs'
import { folderOf, startProgram, stopProgram } from './program.mjs'
import { removeRecords } from './scratch-records.mjs'

const url = process.env.REDIS_URL ?? 'redis://localhost:6379'

/** Runs an example's app.mjs in two processes, with an MCP server and its authorization server, while `act` plays the user's browser. */
export async function withTwoApps(example, act) {
  const prefix = `example:${randomUUID()}:`
  const authorizationServer = await startAuthorizationServer()
  const { issuer, introspect } = authorizationServer
  const mcpServer = await startMcpServer({ issuer, introspect })
  const apps = []
  try {
    while (apps.length < 2) {
      const app = await startProgram(join(folderOf(example), 'app.mjs'), {
        REDIS_URL: url,
        REDIS_KEY_PREFIX: prefix,
        MCP_SERVER: mcpServer.url(),
        CALLBACK_URL: 'http://app.example/callback',
        PORT: '0',
      })
      apps.push(app)
    }
    await act(apps, authorizationServer, new URL(url).host)
  } finally {
    await Promise.all(apps.map(stopProgram))
    await removeRecords(url, prefix)
    await mcpServer.stop()
    await authorizationServer.stop()
  }
}
