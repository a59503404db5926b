import { performance } from 'node:perf_hooks'
import { percentile } from '../stats.mjs'

// The clock is not read for each operation: that costs as much as a read from memory does.
const CLOCK_EVERY = 256
const SAMPLE_EVERY = 16

/**
 * `callers` callers, each of which begins its next operation when the last one has ended, for `ms` and for `atLeast` operations;
 * or until so many `operations` are done, each of which is timed.
 * @param {(caller: number) => unknown} operate
 * @param {{ callers: number, ms?: number, atLeast?: number, operations?: number, isInMemory?: boolean }} load
 * @returns operations a second, latencies of a sample of them, and the CPU time of this process an operation
 */
export async function runClosedLoop(
  operate,
  { callers, ms, atLeast = 0, operations, isInMemory = false },
) {
  const isSlow = callers === 1 && !isInMemory
  const isCounted = operations !== undefined
  const sampleEvery = isSlow || isCounted ? 1 : isInMemory ? CLOCK_EVERY : SAMPLE_EVERY
  const clockEvery = isSlow ? SAMPLE_EVERY : CLOCK_EVERY
  const latencies = []
  let done = 0
  let isOver = false
  const cpu = process.cpuUsage()
  const begin = performance.now()
  const count = () => {
    done += 1
    if (isCounted) isOver = done >= operations
    else if (done % clockEvery === 0 && done >= atLeast) isOver = performance.now() - begin >= ms
  }
  const caller = async (number) => {
    for (let turn = number; !isOver; turn += 1) {
      const isSample = turn % sampleEvery === 0
      const startedAt = isSample ? performance.now() : 0
      await operate(number)
      if (isSample) latencies.push(performance.now() - startedAt)
      count()
    }
  }
  await Promise.all(Array.from({ length: callers }, (_, number) => caller(number)))
  const elapsedMs = performance.now() - begin
  const { user, system } = process.cpuUsage(cpu)
  latencies.sort((one, other) => one - other)
  return {
    done,
    perSecond: (done / elapsedMs) * 1000,
    meanMicros: (elapsedMs / done) * callers * 1000,
    p50Micros: percentile(latencies, 0.5) * 1000,
    p99Micros: percentile(latencies, 0.99) * 1000,
    cpuMicros: (user + system) / done,
  }
}

/** Quick and even enough, where `Math.random()` would show in a read of 100 ns. */
export function makeRandom(seed) {
  let state = seed | 1
  return (limit) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % limit
  }
}
