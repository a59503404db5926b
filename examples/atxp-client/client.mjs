import { atxpClient } from '@atxp/client'
import { RedisOAuthDatabase, withOAuthDatabase } from '@atxp/redis'
import { createAccount } from '../../test/support/fleet/account.mjs'

const oauthDb = new RedisOAuthDatabase({
  url: process.env.REDIS_URL ?? 'redis://localhost:6379',
  keyPrefix: process.env.REDIS_KEY_PREFIX ?? 'atxp:oauth:',
})

const client = await atxpClient(
  withOAuthDatabase({
    mcpServer: process.env.MCP_SERVER,
    // In your program: new ATXPAccount(process.env.ATXP_CONNECTION)
    account: createAccount(process.env.ACCOUNT),
    oauthDatabase: oauthDb,
    // For servers on this machine. Leave both out to use ATXP's own authorization server over https.
    allowedAuthorizationServers: [process.env.AUTHORIZATION_SERVER],
    allowHttp: true,
    logger: { debug() {}, info() {}, warn: console.warn, error: console.error },
  }),
)

const { content } = await client.callTool({ name: 'whoami', arguments: {} })
console.log(`  process ${process.pid}: ${content[0].text}`)

await client.close()
await oauthDb.close()
