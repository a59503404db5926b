// Configures the database from environment variables.
// Run: node --env-file=example.env run.mjs (Node 20.6 or later)

import { RedisOAuthDatabase } from '@atxp/redis'

const oauthDb = RedisOAuthDatabase.fromEnv()

await oauthDb.storeToken('example_environment', 'oauth_token_value', new Date(Date.now() + 60_000))
console.log(await oauthDb.getToken('example_environment')) // oauth_token_value
await oauthDb.deleteToken('example_environment')
await oauthDb.close()

// A wrong variable is named before anything connects.
try {
  RedisOAuthDatabase.fromEnv({}, { ...process.env, REDIS_PORT: 'six thousand' })
} catch (error) {
  console.log(error.message) // REDIS_PORT must be an integer from 1 to 65535, not a value of type string
}
