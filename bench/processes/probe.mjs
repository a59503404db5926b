// Somebody else who uses the same Redis: one read about every millisecond.
import { performance } from 'node:perf_hooks'
import { setTimeout as wait } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { serve } from '../../test/support/processes/process-child.mjs'
import { percentile } from '../stats.mjs'

const KEY = 'somebody:else'
const VALUE = 'something else'
const PAUSE_MS = 1

let redis
let isProbing = false
let probing

process.on('disconnect', () => process.exit())

serve({
  async open({ place }) {
    redis = new Redis(place.url)
    await redis.set(KEY, VALUE)
  },

  begin() {
    isProbing = true
    probing = probe()
  },

  /** What its reads took meanwhile. */
  async end() {
    isProbing = false
    return await probing
  },

  close() {
    redis.disconnect()
  },
})

async function probe() {
  const times = []
  while (isProbing) {
    const begin = performance.now()
    if ((await redis.get(KEY)) !== VALUE) throw new Error('a wrong answer')
    times.push(performance.now() - begin)
    await wait(PAUSE_MS)
  }
  times.sort((one, other) => one - other)
  return {
    othersP50Ms: percentile(times, 0.5),
    othersP99Ms: percentile(times, 0.99),
    othersMaxMs: times.at(-1),
  }
}
