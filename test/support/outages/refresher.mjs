// One of the processes of `outage.ts`: it calls with the session of a record, and refreshes where that has expired.
import { RedisOAuthDatabase } from '@atxp/redis'
import { serve } from '../processes/process-child.mjs'

/**
 * @typedef {{ user: string, url: string, tokenUrl: string, client: Record<string, string>, expired: string }} Session
 */

/** @type {RedisOAuthDatabase} */
let db
/** @type {ReturnType<RedisOAuthDatabase['coordinatedFetch']>} */
let oAuthFetch
/** @type {import('@atxp/common').AccessToken | null} */
let held = null
let blockMs = 0

serve({
  /** @param {import('@atxp/redis').RedisOAuthDatabaseOptions} options */
  open(options) {
    held = null
    blockMs = 0
    db = new RedisOAuthDatabase(options)
    oAuthFetch = db.coordinatedFetch((url, init) => {
      block()
      return fetch(/** @type {string} */ (url), /** @type {RequestInit} */ (init))
    })
  },

  /** The next request leaves only after this process has stood still for so long. */
  blockNextRequest(/** @type {number} */ ms) {
    blockMs = ms
  },

  /** @param {Session} session @param {import('@atxp/common').AccessToken} token */
  save: ({ user, url }, token) => db.saveAccessToken(user, url, token),

  /** Reads what the next call begins with. */
  async read(/** @type {Session} */ { user, url }) {
    held = await db.getAccessToken(user, url)
    return held?.accessToken
  },

  /** @param {Session} session @returns {Promise<string>} `ok`, or what the call failed with */
  async call(session) {
    try {
      return await callWith(session)
    } catch (error) {
      const { code, message } = /** @type {Error & { code?: string }} */ (error)
      return code ?? message
    }
  },

  /**
   * So many callers, each of which calls until it is answered.
   * @param {Session} session @param {number} callers @param {number} pauseMs
   */
  async storm(session, callers, pauseMs) {
    /** @type {{ [end: string]: number }} */
    const ends = {}
    let shortestMs = Number.POSITIVE_INFINITY
    const callUntilAnswered = async () => {
      for (let end = ''; end !== 'ok'; ) {
        end = await callWith(session).catch(({ code, message, retryAfterMs }) => {
          if (code === 'REFRESH_RESTING') shortestMs = Math.min(shortestMs, Number(retryAfterMs))
          return code ?? message
        })
        ends[end] = (ends[end] ?? 0) + 1
        if (end !== 'ok') await new Promise((resolve) => setTimeout(resolve, pauseMs))
      }
    }
    await Promise.all(Array.from({ length: callers }, callUntilAnswered))
    return { ends, shortestMs }
  },

  /** @param {import('@atxp/redis').CloseOptions} [options] */
  close: (options) => db.close(options),
})

/** @param {Session} session */
async function callWith({ user, url, tokenUrl, client, expired }) {
  const token = held ?? (await db.getAccessToken(user, url))
  held = null
  if (token === null) return 'no session'
  if (token.accessToken !== expired) return 'ok'
  const form = { grant_type: 'refresh_token', refresh_token: String(token.refreshToken), ...client }
  const answer = await oAuthFetch(tokenUrl, { method: 'POST', body: new URLSearchParams(form) })
  if (answer.status !== 200) return String(answer.status)
  const body = /** @type {any} */ (await answer.json())
  // As the SDK does.
  await db.saveAccessToken(user, url, {
    ...token,
    accessToken: body.access_token,
    refreshToken: body.refresh_token,
  })
  return 'ok'
}

function block() {
  const untilMs = performance.now() + blockMs
  blockMs = 0
  while (performance.now() < untilMs);
}
