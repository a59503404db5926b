// Deletes the tokens of users who are gone. Expired tokens need no cleaning: Redis removes them by itself.
// Run: REDIS_URL=redis://localhost:6379 node run.mjs

import { RedisOAuthDatabase } from '@atxp/redis'

const BATCH = 500

const oauthDb = new RedisOAuthDatabase({
  url: process.env.REDIS_URL || 'redis://localhost:6379',
  keyPrefix: 'example:cleanup:',
})

/** Stands for a question to your user directory. */
async function goneUsers(keys) {
  return keys.filter((key) => key.startsWith('former_'))
}

const people = Array.from({ length: 1_000 }, (_, index) => ({ key: `user_${index}`, token: 'a' }))
const former = Array.from({ length: 2_000 }, (_, index) => ({ key: `former_${index}`, token: 'b' }))
await oauthDb.storeTokens([...people, ...former])

let deleted = 0
let batch = []
const flush = async () => {
  deleted += await oauthDb.deleteTokens(await goneUsers(batch))
  batch = []
}
// A scan does not mind deletions meanwhile, and holds no list of all keys.
for await (const key of oauthDb.scanTokens()) {
  batch.push(key)
  if (batch.length === BATCH) await flush()
}
await flush()

console.log(`${deleted} tokens deleted`) // 2000 tokens deleted
console.log(`${(await oauthDb.listTokens()).length} tokens kept`) // 1000 tokens kept

await oauthDb.deleteTokens(people.map(({ key }) => key))
await oauthDb.close()
