// A process whose Redis holds more and more users.
import { performance } from 'node:perf_hooks'
import { sessions, users } from '@atxp/redis/admin'
import { Redis } from 'ioredis'
import { serve } from '../../test/support/processes/process-child.mjs'
import { openDatabase } from '../contenders/ours.mjs'
import { runClosedLoop } from '../load/closed-loop.mjs'
import { ManyUsers } from '../load/many-users.mjs'
import { bytesUsedBy } from '../load/server-meter.mjs'

let db
let redis
let all

process.on('disconnect', () => process.exit())

serve({
  open({ place }) {
    db = openDatabase(place)
    redis = new Redis(place.url)
    all = new ManyUsers(db, redis)
  },

  /** Gives the bytes that Redis needs then. */
  async growTo(count) {
    await all.growTo(count)
    return bytesUsedBy(redis)
  },

  run({ operation, ...length }) {
    const operate =
      operation === "a user's sessions" ? () => all.listOne(sessions) : all.operations[operation]
    return runClosedLoop(operate, length)
  },

  /** Gives what it took to list every user. */
  async list() {
    const begin = performance.now()
    await all.listAll(users)
    return { seconds: (performance.now() - begin) / 1000 }
  },

  async close() {
    await db.close()
    redis.disconnect()
  },
})
