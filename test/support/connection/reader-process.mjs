import { RedisOAuthDatabase } from '@atxp/redis'
import { serve } from '../processes/process-child.mjs'

// A process that reads a token when it is told to.

/** @type {RedisOAuthDatabase} */
let db

serve({
  /** @param {import('@atxp/redis').RedisOAuthDatabaseOptions} options */
  async open(options) {
    db = new RedisOAuthDatabase(options)
    await db.ping()
  },

  /** @param {string} key */
  read: (key) =>
    db.getToken(key).then(
      (token) => ({ token }),
      ({ code }) => ({ code }),
    ),
})
