// Stores a token, reads it, lists and deletes it.
// Run: REDIS_URL=redis://localhost:6379 node run.mjs

import { RedisOAuthDatabase } from '@atxp/redis'

const oauthDb = new RedisOAuthDatabase({
  url: process.env.REDIS_URL || 'redis://localhost:6379',
  keyPrefix: 'example:basic:',
})

const inAnHour = new Date(Date.now() + 3_600_000)
await oauthDb.storeToken('user_123', 'oauth_token_value', inAnHour)

console.log('token:', await oauthDb.getToken('user_123')) // token: oauth_token_value
console.log('has token:', await oauthDb.hasToken('user_123')) // has token: true
console.log('all tokens:', await oauthDb.listTokens()) // all tokens: [ 'user_123' ]
console.log('deleted:', await oauthDb.deleteToken('user_123')) // deleted: true
console.log('token:', await oauthDb.getToken('user_123')) // token: null

await oauthDb.close()
