// Options, a second database beside the first, many tokens at once, and errors by code.
// Run: REDIS_URL=redis://localhost:6379 node run.mjs

import { RedisOAuthDatabase, RedisOAuthDatabaseError } from '@atxp/redis'

const connection = {
  url: process.env.REDIS_URL || 'redis://localhost:6379',
  // Taken only where the URL does not have them.
  password: process.env.REDIS_PASSWORD,
  db: 1,
  connectionTimeout: 15_000,
  commandTimeout: 5_000,
  maxRetriesPerRequest: 5,
}

const clientTokens = new RedisOAuthDatabase({ ...connection, keyPrefix: 'example:client:' })
const serverTokens = new RedisOAuthDatabase({ ...connection, keyPrefix: 'example:server:' })

await clientTokens.storeToken('user_123', 'of the client')
await serverTokens.storeToken('user_123', 'of the server', new Date('2100-01-01T00:00:00Z'))

console.log(await clientTokens.getToken('user_123')) // of the client
console.log(await serverTokens.getToken('user_123')) // of the server
console.log(await clientTokens.getTokenExpiry('user_123')) // never
console.log(await serverTokens.getTokenExpiry('user_123')) // 2100-01-01T00:00:00.000Z

await clientTokens.storeTokens([
  { key: 'user_4', token: 'four' },
  { key: 'user_5', token: 'five' },
])
console.log(await clientTokens.getTokens(['user_4', 'user_5'])) // Map(2) { 'user_4' => 'four', 'user_5' => 'five' }
console.log(await clientTokens.deleteTokens(['user_4', 'user_5', 'user_6'])) // 2

await clientTokens.deleteToken('user_123')
await serverTokens.deleteToken('user_123')
await Promise.all([clientTokens.close(), serverTokens.close()])

try {
  await clientTokens.getToken('user_123')
} catch (error) {
  if (!(error instanceof RedisOAuthDatabaseError)) throw error
  console.log(error.code) // CLOSED
}
