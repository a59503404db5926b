// What the tests of `encryption-changeover.test.ts` run: a process that reads and writes all the time, and is given
// one configuration after the other.
import { setTimeout as pause } from 'node:timers/promises'
import { RedisOAuthDatabase } from '@atxp/redis'
import { serve } from '../processes/process-child.mjs'

const RECORDS = 8
const PAUSE_MS = 2

/** @type {RedisOAuthDatabase} */
let db
/** Which of the processes this is, and how many there are. */
let own = 0
let count = 1
let isWorking = false
/** @type {Promise<void>} */
let work
let round = Promise.resolve()
let rounds = 0
/** @type {string[]} */
const failures = []
/** The highest number seen of each record: none may go back. @type {Map<string, number>} */
const seen = new Map()

serve({
  /** @param {number} index @param {number} processes */
  start(index, processes) {
    own = index
    count = processes
    isWorking = true
    work = workOn()
  },

  /** Goes on with another configuration, as a new version of the process would: once what it is at has ended. */
  async configure(options) {
    const former = db
    const next = new RedisOAuthDatabase(options)
    await next.ping()
    await round
    db = next
    await former?.close()
  },

  rounds: () => rounds,

  async stop() {
    isWorking = false
    await work
    await db.close()
    return { failures, rounds }
  },
})

async function workOn() {
  while (isWorking) {
    round = workOnce()
    await round
    rounds += 1
    await pause(PAUSE_MS)
  }
}

async function workOnce() {
  for (const [title, act] of Object.entries({ write, logIn, readPeer, readOld, list })) {
    await act().catch((error) => failures.push(`${title}: ${error.code} ${error.message}`))
  }
}

const userOf = (/** @type {number} */ index) => `user-${index}`
const urlOf = (/** @type {number} */ record) => `https://server.example/${record}`
const tokenOf = (/** @type {number} */ index, /** @type {number} */ record) =>
  `${userOf(index)}-${record}`

/** Writes records of its own, and reads back what it wrote. */
async function write() {
  const record = rounds % RECORDS
  const number = String(rounds)
  const token = { accessToken: number, refreshToken: `refresh-${number}`, resourceUrl: '' }
  const client = { clientId: number, clientSecret: 'secret', redirectUri: '' }
  await Promise.all([
    db.storeToken(tokenOf(own, record), number, new Date(Date.now() + 3_600_000)),
    db.saveAccessToken(userOf(own), urlOf(record), token),
    db.saveClientCredentials(userOf(own), client),
  ])
  const found = await Promise.all([
    db.getToken(tokenOf(own, record)),
    db.getAccessToken(userOf(own), urlOf(record)),
    db.getClientCredentials(userOf(own)),
  ])
  expectEqual(found, [number, token, client])
}

async function logIn() {
  const values = { codeVerifier: String(rounds), codeChallenge: 'c', resourceUrl: '', url: '' }
  const state = `state-${rounds}`
  await db.savePKCEValues(userOf(own), state, values)
  expectEqual(await db.getPKCEValues(userOf(own), state), values)
}

/** Reads what another process writes meanwhile. */
async function readPeer() {
  const peer = (own + 1 + (rounds % (count - 1))) % count
  const record = rounds % RECORDS
  const [tokens, access] = await Promise.all([
    db.getTokens([tokenOf(peer, record)]),
    db.getAccessToken(userOf(peer), urlOf(record)),
  ])
  expectNoStepBack(`token ${peer} ${record}`, tokens.get(tokenOf(peer, record)))
  expectNoStepBack(`access token ${peer} ${record}`, access?.accessToken)
}

/** Reads what was there at the beginning and is never written again. */
async function readOld() {
  const [token, access, client] = await Promise.all([
    db.getToken('old'),
    db.getAccessToken('old', 'old'),
    db.getClientCredentials('old'),
  ])
  expectEqual([token, access?.accessToken, client?.clientId], ['old', 'old', 'old'])
}

async function list() {
  const keys = await db.listTokens()
  if (!keys.includes('old')) failures.push('listTokens: old is missing')
  const [info] = await db.listAccessTokens('old')
  expectEqual(info?.url, 'old')
}

function expectNoStepBack(name, number) {
  // Before its first write.
  if (number === undefined) return
  if (Number(number) < (seen.get(name) ?? 0)) failures.push(`${name} went back to ${number}`)
  seen.set(name, Number(number))
}

function expectEqual(actual, expected) {
  const [one, other] = [actual, expected].map((value) => JSON.stringify(value))
  if (one !== other) failures.push(`found ${one} instead of ${other}`)
}
