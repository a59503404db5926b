// What the tests of the users' index run: a process that saves, reads and deletes records of users whom others work on as well.
import { RedisOAuthDatabase } from '@atxp/redis'
import { serve } from '../processes/process-child.mjs'

const STEPS = 6
const URLS = ['', 'https://a.example/mcp', 'https://b.example/mcp']

/** @type {RedisOAuthDatabase} */
let db

/** A generator of numbers from 0 to 1, the same for the same seed (mulberry32). @param {number} seed */
function randomOf(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** @param {() => number} random @param {string} name */
function tokenOf(random, name) {
  const record = { accessToken: name, resourceUrl: '' }
  const kind = random()
  if (kind < 0.5) return { ...record, refreshToken: `refresh ${name}` }
  // Gone before the round is over, or a moment after it.
  return kind < 0.8 ? { ...record, expiresAt: Date.now() + 1 + Math.floor(random() * 40) } : record
}

/** @param {string} refreshToken */
async function refresh(refreshToken) {
  const fetch = db.coordinatedFetch(async () =>
    Response.json({
      access_token: `${refreshToken} renewed`,
      refresh_token: `${refreshToken}+`,
      token_type: 'Bearer',
    }),
  )
  const body = new URLSearchParams({
    grant_type: 'refresh_token',
    refresh_token: refreshToken,
    client_id: 'id',
  })
  await fetch('https://auth.example/token', { method: 'POST', body })
}

/** One step of a round; what it starts and does not wait for, it hands to `start`. */
async function step(user, random, name, start) {
  const url = URLS[Math.floor(random() * URLS.length)]
  const state = `state ${Math.floor(random() * 3)}`
  const kind = random()
  if (kind < 0.4) start(db.saveAccessToken(user, url, tokenOf(random, name)))
  else if (kind < 0.5) await db.saveAccessToken(user, url, tokenOf(random, name))
  else if (kind < 0.6) await db.deleteAccessToken(user, url)
  else if (kind < 0.7) start(db.deleteUser(user))
  else if (kind < 0.8) {
    const values = { codeVerifier: name, codeChallenge: 'c', resourceUrl: '', url: '' }
    start(db.savePKCEValues(user, state, values))
  } else if (kind < 0.87) await db.getPKCEValues(user, state)
  else if (kind < 0.97) await db.getAccessToken(user, url)
  else {
    const token = await db.getAccessToken(user, url)
    if (token?.refreshToken) await refresh(token.refreshToken)
  }
}

serve({
  /** @param {import('@atxp/redis').RedisOAuthDatabaseOptions} options */
  async open(options) {
    db = new RedisOAuthDatabase(options)
    await db.ping()
  },

  /**
   * Works on each of the users, on all at the same time, and comes back when all calls have ended. Says how many failed, by code.
   * @param {string[]} users @param {number} seed
   */
  async play(users, seed) {
    /** @type {Record<string, number>} */
    const failed = {}
    const note = (error) => {
      const code = error.code ?? String(error)
      failed[code] = (failed[code] ?? 0) + 1
    }
    const one = async (user, index) => {
      const random = randomOf(seed * 100_003 + index)
      const started = []
      const start = (call) => started.push(call.catch(note))
      for (let at = 0; at < STEPS; at += 1) {
        await step(user, random, `${seed}.${index}.${at}`, start).catch(note)
      }
      await Promise.all(started)
    }
    await Promise.all(users.map(one))
    return failed
  },

  /**
   * Ends each user: saves, and right behind them the deletion. While slots move, Redis sends commands on, and then their order is that of
   * the calls only for those who wait.
   * @param {string[]} users @param {boolean} areSavesAwaited
   */
  async end(users, areSavesAwaited) {
    await Promise.all(
      users.map(async (user) => {
        const saves = URLS.map((url) =>
          db.saveAccessToken(user, url, {
            accessToken: 'last',
            refreshToken: 'last',
            resourceUrl: '',
          }),
        )
        for (const save of saves) save.catch(() => {})
        if (areSavesAwaited) await Promise.allSettled(saves)
        const deletion = db.deleteUser(user)
        await Promise.allSettled([...saves, deletion])
        // A deletion that was cut off is called again, as its error says.
        await deletion.catch(() => db.deleteUser(user)).catch(() => db.deleteUser(user))
      }),
    )
  },
})
