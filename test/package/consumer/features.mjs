// Everything that a Node could lack: the conformance suite over encrypted and cached records, leases, errors with a cause.
import { randomBytes } from 'node:crypto'
import { RedisOAuthDatabase } from '@atxp/redis'
import { oauthDbConformance } from '@atxp/redis/conformance'

const options = {
  url: process.env.REDIS_URL,
  keyPrefix: `${process.pid}:`,
  encryption: { keys: [{ id: 'a', key: randomBytes(32) }] },
  hashKeys: { key: randomBytes(32) },
  cache: true,
}

const failed = []
for (const { name, run } of oauthDbConformance(() => new RedisOAuthDatabase(options))) {
  await run().catch((error) => failed.push(`${name}: ${error.message}`))
}

const db = new RedisOAuthDatabase(options)
const flown = await db.singleFlight('work', async () => 'done', { recheck: async () => undefined })
const source = function* () {
  yield { key: 'a', token: 'one' }
  throw new Error('the source')
}
const imported = await db.storeTokens(source()).catch(({ code, cause }) => [code, cause.message])
const warnings = (await db.health()).warnings.map(({ code }) => code)
const { unreadable } = await db.reseal()
await db.close()

const nowhere = new RedisOAuthDatabase({ port: 1, maxRetriesPerRequest: 0 })
const refused = await nowhere.ping().catch(({ code, cause }) => [code, cause.code])
await nowhere.close()

console.log(JSON.stringify({ failed, flown, imported, warnings, unreadable, refused }))
