import { RedisOAuthDatabase } from '@atxp/redis'

let outside
{
  await using db = new RedisOAuthDatabase({ url: process.env.REDIS_URL, keyPrefix: 'using:' })
  await db.storeToken('user_123', 'token_value')
  outside = db
}
const code = await outside.getToken('user_123').catch((error) => error.code)
console.log(JSON.stringify({ code }))
