import { ATXPAccount, atxpClient } from '@atxp/client'
import { RedisOAuthDatabase, withOAuthDatabase } from '@atxp/redis'

const db = RedisOAuthDatabase.fromEnv()

const client = await atxpClient(
  withOAuthDatabase({
    mcpServer: 'https://browse.mcp.atxp.ai/',
    account: new ATXPAccount(process.env.ATXP_CONNECTION),
    oauthDatabase: db,
    logger: { debug() {}, info() {}, warn: console.warn, error: console.error },
  }),
)

const { tools } = await client.listTools()
console.log(`  process ${process.pid}: ${tools.map(({ name }) => name).join(', ')}`)

await client.close()
await db.close()
