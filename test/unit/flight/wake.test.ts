import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Wake } from '../../../src/flight/wake.js'

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

/** How long the wait took, in fake milliseconds. */
async function waited(wait: Promise<void>): Promise<number> {
  const startedAt = performance.now()
  let took: number | undefined
  void wait.then(() => {
    took = performance.now() - startedAt
  })
  for (let ms = 0; took === undefined && ms <= 1_000; ms += 50) {
    await vi.advanceTimersByTimeAsync(ms === 0 ? 0 : 50)
  }
  return took ?? Number.POSITIVE_INFINITY
}

test('a wake-up before the wait is not lost', async () => {
  const wake = new Wake()
  wake.fire()
  expect(await waited(wake.wait(500))).toBe(0)
  wake.reset()
  expect(await waited(wake.wait(500))).toBe(500)
})

test('a wake-up during the wait ends it, and leaves no timer', async () => {
  const wake = new Wake()
  const wait = wake.wait(500)
  wake.fire()
  expect(vi.getTimerCount()).toBe(0)
  expect(await waited(wait)).toBe(0)
})
