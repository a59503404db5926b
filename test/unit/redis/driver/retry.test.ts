import { expect, test } from 'vitest'
import { attemptLimitMs } from '../../../../src/redis/driver/retry.js'

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
