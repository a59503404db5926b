import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { RedisOAuthDatabase } from '@atxp/redis'
import { serve } from '../processes/process-child.mjs'

// A process that calls a database, and says how much of that lives on when it is of no more use.

const RECORDS = 1_000
const URL = 'https://mcp.example/mcp'
/** As long as real ones. */
const TOKEN = 'a'.repeat(800)
const EXPIRES_AT = Date.now() + 86_400_000
const TRIES = 5

/** What outlives two collections of young objects. */
const OLD = new Set(['old_space', 'large_object_space'])

setFlagsFromString('--expose-gc')
const collectAll = runInNewContext('gc')

/** @type {RedisOAuthDatabase} */
let db
let calls = 0

const saveRecord = (index) =>
  db.saveAccessToken(`user ${index}`, URL, {
    accessToken: `${TOKEN} ${index}`,
    refreshToken: `refresh ${index}`,
    resourceUrl: URL,
    expiresAt: EXPIRES_AT + calls,
  })

const OPERATIONS = {
  'reads of records': (index) => db.getAccessToken(`user ${index}`, URL),
  'saves of records': saveRecord,
  'reads of tokens': (index) => db.getToken(`user ${index}`),
  'reads of tokens in bulk': (index) => db.getTokens([`user ${index}`]),
  'saves of tokens': (index) =>
    db.storeToken(`user ${index}`, `${TOKEN} ${calls}`, new Date(EXPIRES_AT)),
}

serve({
  /** @param {boolean} coordinates - whether there is a coordinated `fetch`, for which reads note where refresh tokens stand */
  async open(options, coordinates) {
    db = new RedisOAuthDatabase(options)
    if (coordinates) db.coordinatedFetch()
    await call(['saves of records'], 64, RECORDS)
    await call(['saves of tokens'], 64, RECORDS)
  },

  /**
   * The bytes for each operation that came to be old, those that are still in use included. The least of some measurements: a table of V8's
   * own may grow during one.
   * @param {string[]} operations - called in turn
   * @param {number} limit - as many are few enough
   */
  async survivors(operations, callers, count, limit) {
    await call(operations, callers, count)
    let least = Number.POSITIVE_INFINITY
    for (let tries = 0; tries < TRIES && least > limit; tries += 1) {
      const dead = await deadObject()
      const before = oldBytes()
      await call(operations, callers, count)
      const bytes = (oldBytes() - before) / count
      // Else a full collection came between, which frees what lived on.
      if (dead.deref() !== undefined) least = Math.min(least, bytes)
    }
    if (least < Number.POSITIVE_INFINITY) return least
    throw new Error(`a full collection came between ${TRIES} times`)
  },

  close: () => db.close(),
})

/** Each record in its turn, by so many callers. */
async function call(operations, callers, count) {
  let left = count
  const caller = async () => {
    while (left > 0) {
      left -= 1
      calls += 1
      await OPERATIONS[operations[calls % operations.length]](calls % RECORDS)
    }
  }
  await Promise.all(Array.from({ length: callers }, caller))
}

function oldBytes() {
  const spaces = getHeapSpaceStatistics().filter(({ space_name: name }) => OLD.has(name))
  return spaces.reduce((sum, { space_used_size: size }) => sum + size, 0)
}

/** Old, and of no use: the next full collection frees it. What is in use at the first is old from then on, too. */
async function deadObject() {
  let object = {}
  const reference = new WeakRef(object)
  collectAll()
  collectAll()
  object = undefined
  // A `WeakRef` keeps what was asked for until its turn of the event loop ends.
  await new Promise(setImmediate)
  return reference
}
