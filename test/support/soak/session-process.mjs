// One of the processes of `session-soak.ts`: it owns some users, whom it logs in and deletes, and refreshes for all.
import { RedisOAuthDatabase } from '@atxp/redis'
import { serve } from '../processes/process-child.mjs'

/** @typedef {{ name: string, tokenUrl: string, owns: string[], users: string[] }} Setup */
/**
 * What the owner of a user found: a session that is not there or was refused, or a user who is back after deletion.
 * @typedef {{ kind: 'lost' | 'back', user: string, login: string, found: string, unknown: string[] }} Finding
 */

const URL_OF_RECORD = 'https://mcp.example/mcp'
const REFRESHERS = 4
const LONGEST_SESSION_MS = 4_000
const PAUSE_MS = 100

/** @type {RedisOAuthDatabase} */
let db
/** @type {any} */
let oAuthFetch
/** @type {Setup} */
let setup
let isRunning = true
/** @type {Promise<void>[]} */
let loops = []
/** @type {Finding[]} */
const findings = []
const counts = { refreshes: 0, logins: 0, deletions: 0, sessionsChecked: 0, failed: 0 }

const pause = (/** @type {number} */ ms) =>
  new Promise((resolve) => setTimeout(resolve, ms * (0.5 + Math.random())))

serve({
  /** @param {import('@atxp/redis').RedisOAuthDatabaseOptions} options @param {Setup} given */
  start(options, given) {
    setup = given
    db = new RedisOAuthDatabase(options)
    oAuthFetch = db.coordinatedFetch((url, init) => {
      const headers = { ...Object(init).headers, 'x-process': setup.name }
      return fetch(/** @type {string} */ (url), { .../** @type {RequestInit} */ (init), headers })
    })
    loops = [...setup.owns.map(own), ...Array.from({ length: REFRESHERS }, refreshAnybody)]
  },

  ping: () => db.ping(),

  /** What was found and counted so far. */
  take: () => ({ findings: findings.splice(0), counts }),

  async stop() {
    isRunning = false
    await Promise.all(loops)
    await db.close()
  },
})

/** @param {string} user @returns {Promise<string>} `ok`, `gone`, `refused`, or what it failed with */
async function refresh(user) {
  try {
    const token = await db.getAccessToken(user, URL_OF_RECORD)
    if (token === null) return 'gone'
    const form = { grant_type: 'refresh_token', refresh_token: String(token.refreshToken) }
    const answer = await oAuthFetch(setup.tokenUrl, {
      method: 'POST',
      body: new URLSearchParams({ ...form, client_id: 'soak' }),
    })
    if (answer.status === 400) return 'refused'
    if (answer.status !== 200) return String(answer.status)
    const { access_token: accessToken, refresh_token: refreshToken } = await answer.json()
    await db.saveAccessToken(user, URL_OF_RECORD, { ...token, accessToken, refreshToken })
    counts.refreshes += 1
    return 'ok'
  } catch (error) {
    counts.failed += 1
    return /** @type {any} */ (error).code ?? /** @type {Error} */ (error).message
  }
}

async function refreshAnybody() {
  while (isRunning) {
    await refresh(setup.users[Math.floor(Math.random() * setup.users.length)] ?? '')
    await pause(PAUSE_MS)
  }
}

/** @template T @param {() => Promise<T>} act @returns {Promise<T | undefined>} undefined once this process is to end */
async function until(act) {
  while (isRunning) {
    try {
      return await act()
    } catch {
      counts.failed += 1
      await pause(PAUSE_MS)
    }
  }
  return undefined
}

/** Sessions of one user, one after the other. */
async function own(/** @type {string} */ user) {
  /** Logins of which nobody can know whether they are saved, or will be. @type {string[]} */
  let unknown = []
  while (isRunning) {
    await until(() => db.deleteUser(user))
    await pause(PAUSE_MS)
    const back = await until(() => db.getAccessToken(user, URL_OF_RECORD))
    if (!isRunning) return
    if (back) note('back', user, '', String(back.refreshToken), unknown)
    counts.deletions += 1
    if (back && unknown.length > 0) continue

    let login = ''
    const isIn = await until(async () => {
      login = await logIn()
      try {
        await save(user, login)
        return true
      } catch (error) {
        unknown.push(login)
        throw error
      }
    })
    if (!isIn) return
    counts.logins += 1
    await pause(LONGEST_SESSION_MS / 2)
    const end = await until(async () => {
      const outcome = await refresh(user)
      if (['ok', 'gone', 'refused'].includes(outcome)) return outcome
      throw new Error(outcome)
    })
    if (end === undefined) return
    counts.sessionsChecked += 1
    if (end !== 'ok') note('lost', user, login, end, unknown)
    else unknown = []
  }
}

/** @param {Finding['kind']} kind @param {string} user @param {string} login @param {string} found @param {string[]} unknown */
function note(kind, user, login, found, unknown) {
  findings.push({ kind, user, login, found, unknown: [...unknown] })
}

async function logIn() {
  const body = new URLSearchParams({ grant_type: 'login' })
  const answer = await fetch(setup.tokenUrl, { method: 'POST', body })
  return /** @type {any} */ (await answer.json()).refresh_token
}

/** @param {string} user @param {string} refreshToken */
function save(user, refreshToken) {
  return db.saveAccessToken(user, URL_OF_RECORD, {
    accessToken: `access of ${refreshToken}`,
    refreshToken,
    resourceUrl: URL_OF_RECORD,
  })
}
