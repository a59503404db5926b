// What the tests of `oauth-races.test.ts` run: a process with a database of its own.
import { RedisOAuthDatabase } from '@atxp/redis'
import { serve } from '../processes/process-child.mjs'

const SAVES_AT_A_TIME = 20

/** @type {RedisOAuthDatabase} */
let db
let isReading = false
/** @type {Promise<{ old: number, renewed: number }>} */
let reading

serve({
  /** @param {import('@atxp/redis').RedisOAuthDatabaseOptions} options */
  async open(options) {
    db = new RedisOAuthDatabase(options)
    await db.ping()
  },

  close: () => db.close(),

  /** Reads records `0` to `count` of a user over and over. @param {string} user @param {number} count */
  startReading(user, count) {
    isReading = true
    reading = read(user, count)
    reading.catch(() => undefined)
  },

  /** How often it found a record as it was, or nothing, and how often a renewed one. */
  stopReading() {
    isReading = false
    return reading
  },

  /** Renews records `first` to `end`, some at a time. @param {string} user @param {number} first @param {number} end */
  async renew(user, first, end) {
    for (let from = first; from < end; from += SAVES_AT_A_TIME) {
      const size = Math.min(SAVES_AT_A_TIME, end - from)
      await Promise.all(
        Array.from({ length: size }, (_, i) =>
          db.saveAccessToken(user, String(from + i), {
            accessToken: 'renewed',
            refreshToken: `renewed-${from + i}`,
            resourceUrl: '',
          }),
        ),
      )
    }
  },

  /** @param {string} user @param {string} state */
  getPKCEValues: (user, state) => db.getPKCEValues(user, state),
})

/** @param {string} user @param {number} count */
async function read(user, count) {
  const seen = { old: 0, renewed: 0 }
  while (isReading) {
    const urls = Array.from({ length: count }, (_, i) => String(i))
    const tokens = await Promise.all(urls.map((url) => db.getAccessToken(user, url)))
    for (const token of tokens) seen[token?.accessToken === 'renewed' ? 'renewed' : 'old'] += 1
  }
  return seen
}
