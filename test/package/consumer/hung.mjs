// Reads from a server that stops to answer, and ends by itself.
import { RedisOAuthDatabase } from '@atxp/redis'

const db = new RedisOAuthDatabase({ url: process.env.REDIS_URL, commandTimeout: 500 })
await db.storeToken('is there', 'one')
let code
while (code === undefined) {
  code = await db.getToken('is there').then(
    () => undefined,
    (error) => error.code,
  )
}
await db.close({ timeoutMs: 500 })
console.log(JSON.stringify({ code }))
