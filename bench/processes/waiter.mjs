// Waits for what one process does, or does it, in one of several ways.
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { serve } from '../../test/support/processes/process-child.mjs'
import { openDatabase } from '../contenders/ours.mjs'

let way

process.on('disconnect', () => process.exit())

serve({
  async open({ name, place }) {
    way = await WAYS[name](place)
  },

  /** Comes back when everybody else has to wait. */
  lead: (job) => way.lead(job),

  /** Gives when the result was stored. */
  finish: (job) => way.finish(job),

  /** Gives when the last of so many waiters had the result. */
  async wait(job, waiters) {
    const results = await Promise.all(Array.from({ length: waiters }, () => way.wait(job)))
    const lastAt = process.hrtime.bigint()
    const isRight = results.every((result) => result === resultOf(job))
    if (!isRight) throw new Error('a wrong answer: a waiter got another result')
    return lastAt
  },

  close: () => way.close(),
})

const WAYS = {
  singleFlight,
  'publish and subscribe': bareSubscription,
  'poll every 10 ms': (place) => polling(place, 10),
  'poll every 50 ms': (place) => polling(place, 50),
  'poll every 100 ms': (place) => polling(place, 100),
}

function resultOf(job) {
  return `result of ${job}`
}

function singleFlight(place) {
  const db = openDatabase(place)
  const recheck = async (job) => (await db.getToken(job)) ?? undefined
  let begin
  let flight
  return {
    lead(job) {
      return new Promise((resolve) => {
        const work = async () => {
          resolve()
          await new Promise((proceed) => {
            begin = proceed
          })
          await db.storeToken(job, resultOf(job))
          return process.hrtime.bigint()
        }
        flight = db.singleFlight(job, work, { recheck: () => recheck(job) })
      })
    },
    finish() {
      begin()
      return flight
    },
    wait(job) {
      const work = () => Promise.reject(new Error('a wrong answer: a waiter had to work'))
      return db.singleFlight(job, work, { recheck: () => recheck(job) })
    },
    close: () => db.close(),
  }
}

function polling({ url }, pollMs) {
  const redis = new Redis(url)
  return {
    lead: () => {},
    finish: (job) => store(redis, job),
    async wait(job) {
      for (;;) {
        const result = await redis.get(job)
        if (result !== null) return result
        await wait(pollMs)
      }
    },
    close: () => redis.quit(),
  }
}

/** The least that waking takes. */
function bareSubscription({ url }) {
  const redis = new Redis(url)
  const subscriber = new Redis(url)
  subscriber.setMaxListeners(0)
  return {
    lead: () => {},
    async finish(job) {
      const finishedAt = await store(redis, job)
      await redis.publish(job, '')
      return finishedAt
    },
    async wait(job) {
      await subscriber.subscribe(job)
      const isWoken = once(subscriber, 'message')
      const result = (await redis.get(job)) ?? (await isWoken.then(() => redis.get(job)))
      await subscriber.unsubscribe(job)
      return result
    },
    close: () => Promise.all([redis.quit(), subscriber.quit()]),
  }
}

async function store(redis, job) {
  await redis.set(job, resultOf(job))
  return process.hrtime.bigint()
}
