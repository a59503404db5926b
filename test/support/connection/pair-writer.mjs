import { RedisOAuthDatabase } from '@atxp/redis'
import { serve } from '../processes/process-child.mjs'

// A process that writes and reads tokens and checks every answer, for as long as it is told to.

const CHAINS = 8
const KEYS_A_CHAIN = 10

/** What nobody may ever see. */
const mishaps = []
for (const event of ['unhandledRejection', 'uncaughtException', 'warning']) {
  process.on(event, (reason) => mishaps.push(`${event}: ${reason?.stack ?? reason}`))
}

/** @type {RedisOAuthDatabase} */
let db
let isRunning = true
let work
const outcome = { pairs: 0, codes: {}, wrong: [], mishaps }

/** Writes and reads keys that no other chain touches, so that it knows what may be there. */
async function chain(name) {
  /** @type {Map<string, Set<string | null>>} */
  const possible = new Map()
  for (let i = 0; isRunning; i += 1) {
    const key = `${name}:${i % KEYS_A_CHAIN}`
    const before = possible.get(key) ?? new Set([null])
    const token = `${name}/${i}`
    const after = await store(key, token, before)
    const found = await read(key, after)
    possible.set(key, found)
    outcome.pairs += 1
  }
}

/** Gives what may be stored after it. */
async function store(key, token, before) {
  try {
    await db.storeToken(key, token)
    return new Set([token])
  } catch (error) {
    count(error)
    return error.code === 'OUTCOME_UNKNOWN' ? new Set([...before, token]) : before
  }
}

async function read(key, possible) {
  try {
    const found = await db.getToken(key)
    if (!possible.has(found)) outcome.wrong.push({ key, found, possible: [...possible] })
    return new Set([found])
  } catch (error) {
    count(error)
    return possible
  }
}

function count(error) {
  const code = error?.code ?? String(error)
  outcome.codes[code] = (outcome.codes[code] ?? 0) + 1
}

serve({
  async start(options) {
    db = new RedisOAuthDatabase(options)
    await db.ping()
    work = Promise.all(Array.from({ length: CHAINS }, (_, i) => chain(`${process.pid}:${i}`)))
  },
  pairs: () => outcome.pairs,
  async stop() {
    isRunning = false
    await work
    await db.close()
    return outcome
  },
})
