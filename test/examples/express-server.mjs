// Runs server.mjs of examples/express-server in two processes, and uses them with the ATXP client and with a browser's cookie.
import { strictEqual } from 'node:assert'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { atxpClient } from '@atxp/client'
import { RedisOAuthDatabase, withOAuthDatabase } from '@atxp/redis'
import { createAccount } from '../support/fleet/account.mjs'
import { startAuthorizationServer } from '../support/fleet/authorization-server.mjs'
import { folderOf, startProgram, stopProgram } from './program.mjs'
import { removeRecords } from './scratch-records.mjs'

const ACCOUNT = 'base:0xexample'
const url = process.env.REDIS_URL ?? 'redis://localhost:6379'
const prefix = `example:${randomUUID()}:`

const authorizationServer = await startAuthorizationServer()
const { issuer } = authorizationServer
const clientDb = new RedisOAuthDatabase({ url, keyPrefix: `${prefix}client:` })
const servers = []

try {
  servers.push(await startServer(), await startServer())
  const [first, second] = servers
  console.log(`Two servers share ${new URL(url).host}: ${first.origin} and ${second.origin}.`)

  const client = await atxpClient(
    withOAuthDatabase({
      mcpServer: `${first.origin}/mcp`,
      account: createAccount(ACCOUNT),
      oauthDatabase: clientDb,
      allowedAuthorizationServers: [issuer],
      allowHttp: true,
      logger: { debug() {}, info() {}, warn: console.warn, error: console.error },
    }),
  )
  const { content } = await client.callTool({ name: 'whoami', arguments: {} })
  await client.close()
  console.log(`The ATXP client logs in and calls a tool: ${content[0].text}.`)

  const { accessToken } = await clientDb.getAccessToken(ACCOUNT, `${first.origin}/mcp`)
  const authorization = `Bearer ${accessToken}`
  const begun = await request(first, 'POST', { authorization })
  strictEqual(begun.status, 201)
  const cookie = begun.headers.get('set-cookie').split(';')[0]

  const elsewhere = await (await request(second, 'GET', { cookie })).json()
  strictEqual(elsewhere.user, ACCOUNT)
  console.log(`A session begun at the first is known to process ${elsewhere.process}.`)

  strictEqual((await request(second, 'POST', { authorization })).status, 201)
  strictEqual((await request(second, 'POST', { authorization: 'Bearer forged' })).status, 401)
  // One registration as a client, one as a server: the second server introspects with that of the first.
  strictEqual(authorizationServer.counters().registrations, 2)
  console.log('Both introspect access tokens with one registration.')

  strictEqual((await request(second, 'DELETE', { cookie })).status, 204)
  strictEqual((await request(first, 'GET', { cookie })).status, 401)
  console.log('The session is ended at the second, and the first knows it no more.')
} finally {
  await Promise.all(servers.map(stopProgram))
  await clientDb.close()
  await removeRecords(url, prefix)
  await authorizationServer.stop()
}

function startServer() {
  return startProgram(join(folderOf('express-server'), 'server.mjs'), {
    REDIS_URL: url,
    REDIS_KEY_PREFIX: `${prefix}server:`,
    AUTHORIZATION_SERVER: issuer,
    PORT: '0',
  })
}

function request({ origin }, method, headers) {
  return fetch(`${origin}/session`, { method, headers })
}
