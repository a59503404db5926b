// Imports the tokens of an old system: any number of them in little memory, with progress, an end by Ctrl-C, and another
// attempt from where one has failed.
// Run: REDIS_URL=redis://localhost:6379 node run.mjs

import { setTimeout } from 'node:timers/promises'
import { RedisOAuthDatabase, StoreTokensError } from '@atxp/redis'

const MAX_ATTEMPTS = 5

const oauthDb = new RedisOAuthDatabase({
  url: process.env.REDIS_URL || 'redis://localhost:6379',
  keyPrefix: 'example:migration:',
})

const stop = new AbortController()
process.once('SIGINT', () => stop.abort())

/** Stands for your old system: its tokens in a fixed order, from the `start`-th on. */
async function* getTokensFromOldSystem(start) {
  const expiresAt = new Date(Date.now() + 60_000)
  for (let index = start; index < 20_000; index += 1) {
    // One of them is broken, as one always is.
    yield { key: index === 12_345 ? '' : `user_${index}`, value: `token_${index}`, expiresAt }
  }
}

async function* entriesFrom(start) {
  for await (const old of getTokensFromOldSystem(start)) {
    yield { key: old.key, token: old.value, expiresAt: old.expiresAt }
  }
}

/** Imports from the `start`-th entry on; gives the entry at which to go on, or undefined when all are stored. */
async function importFrom(start) {
  const onProgress = ({ attempted }) => process.stderr.write(`\r${start + attempted} imported`)
  try {
    await oauthDb.storeTokens(entriesFrom(start), { signal: stop.signal, onProgress })
    return undefined
  } catch (error) {
    if (!(error instanceof StoreTokensError)) throw error
    // Everything before the first failure is stored.
    const next = start + (error.failures[0]?.index ?? error.attempted)
    if (error.code === 'SOURCE_FAILED') throw error
    if (error.code === 'INVALID_ENTRY') {
      console.log(`entry ${next} left out`) // entry 12345 left out
      return importFrom(next + 1)
    }
    console.error(`\nat entry ${next}: ${error.message}`)
    return next
  }
}

let next = await importFrom(0)
for (let attempt = 2; next !== undefined && attempt <= MAX_ATTEMPTS; attempt += 1) {
  if (stop.signal.aborted) break
  await setTimeout(1_000 * attempt)
  next = await importFrom(next)
}
process.stderr.write('\n')

if (next === undefined) {
  console.log(`${(await oauthDb.listTokens()).length} tokens are stored`) // 19999 tokens are stored
} else {
  console.error(`not complete: begin again at entry ${next}`)
  process.exitCode = 1
}
await oauthDb.close()
