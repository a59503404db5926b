import { RedisOAuthDatabase } from '@atxp/redis'
import { serve } from '../processes/process-child.mjs'

// A process that reads tokens as fast as it can, and remembers until when it read which value.

const READS_A_TURN = 200

/** @type {RedisOAuthDatabase} */
let db
let isRunning = true
let work
/** @type {{ key: string, value: number, until: number }[]} */
const seen = []
const outcome = { reads: 0, seen, wrong: [], codes: {} }

async function readAll(keys) {
  const last = new Map()
  for (let i = 0; isRunning; i += 1) {
    const key = keys[i % keys.length]
    const calledAt = Date.now()
    try {
      const value = Number(await db.getToken(key))
      outcome.reads += 1
      note(last, key, value, calledAt)
    } catch (error) {
      const code = error?.code ?? String(error)
      outcome.codes[code] = (outcome.codes[code] ?? 0) + 1
    }
    if (i % READS_A_TURN === 0) await new Promise(setImmediate)
  }
}

/** The values of a key grow, so an older one than before is one that was kept too long. */
function note(last, key, value, calledAt) {
  const before = last.get(key)
  if (before?.value === value) {
    before.until = calledAt
    return
  }
  if (before !== undefined && value < before.value) {
    outcome.wrong.push({ key, value, before: before.value })
  }
  const entry = { key, value, until: calledAt }
  last.set(key, entry)
  seen.push(entry)
}

serve({
  async start(options, keys) {
    db = new RedisOAuthDatabase(options)
    await db.ping()
    work = readAll(keys)
  },
  reads: () => outcome.reads,
  read: (keys) => Promise.all(keys.map((key) => db.getToken(key))),
  async stop() {
    isRunning = false
    await work
    return outcome
  },
  close: () => db.close(),
})
