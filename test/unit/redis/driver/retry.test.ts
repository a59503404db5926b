import { expect, test } from 'vitest'
import { attemptLimitMs, idleDelays } from '../../../../src/redis/driver/retry.js'

const limits = {
  connectionTimeout: 10_000,
  commandTimeout: 2_000,
  retryDelayOnFailover: 100,
  maxRetriesPerRequest: 3,
}
const limitsOf = (failures: number[]) =>
  failures.map((count) => attemptLimitMs(limits, true, count))

test('before the first connection an attempt has all of connectionTimeout', () => {
  expect(attemptLimitMs(limits, false, 1)).toBe(10_000)
})

test('after that every third attempt is longer, up to connectionTimeout', () => {
  expect(limitsOf([1, 2, 3, 4, 5, 6, 7, 8, 9])).toEqual([
    2_000, 2_000, 4_000, 2_000, 2_000, 8_000, 2_000, 2_000, 10_000,
  ])
})

test('a network that was lost for 10 s is tried again before others stop waiting for what this process holds', () => {
  // The loss shows at once, or when a renewal of the lease is not answered.
  for (let noticedMs = 0; noticedMs <= 3_700; noticedMs += 50) {
    let atMs = noticedMs
    for (let failures = 1; atMs < 10_000; failures += 1) {
      atMs += attemptLimitMs(limits, true, failures) + limits.retryDelayOnFailover
    }
    // Others wait 10 s from the end of the lease, which was last renewed up to 1.7 s before the loss.
    expect(atMs, String(noticedMs)).toBeLessThan(13_300)
  }
})

test('connections that are accepted and closed at once are made ever more slowly, until one has lasted', () => {
  let nowMs = 0
  const nextDelayMs = idleDelays(1, () => nowMs)
  const delays = Array.from({ length: 12 }, () => {
    const delayMs = nextDelayMs()
    nowMs += delayMs
    return delayMs
  })
  expect(delays[0]).toBe(1)
  expect(Math.min(...delays.slice(10))).toBeGreaterThanOrEqual(500)
  expect(Math.max(...delays)).toBeLessThanOrEqual(1_000)
  nowMs += 60_000
  expect(nextDelayMs()).toBe(1)
})
