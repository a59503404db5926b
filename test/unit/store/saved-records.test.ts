import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { KeySpace } from '../../../src/record/keys.js'
import { SavedRecords } from '../../../src/store/vault/saved-records.js'

const HOUR_MS = 3_600_000
const URL = 'https://server.example/mcp'
const keys = new KeySpace('test:')
const key = (userId: string, url = URL) => keys.of('access', userId, url)

let records: SavedRecords

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] })
  records = new SavedRecords(24 * HOUR_MS, () => performance.now())
})

afterEach(() => {
  vi.useRealTimers()
})

it('knows each record by user and url', () => {
  records.remember(key('ann'))
  records.remember(key('ann', 'other'))
  records.remember(key('bob'))
  const known = records.get(key('ann'))
  expect(known).toBeDefined()
  expect(records.get(key('ann', 'other'))).not.toBe(known)
  expect(records.get(key('bob', 'other'))).toBeUndefined()
  records.forget(key('ann'))
  expect(records.get(key('ann'))?.isEntered).toBe(false)
  expect(records.get(key('ann', 'other'))?.isEntered).toBe(true)
})

it('keeps what it knows of a record that is entered again, also after it was deleted', () => {
  records.remember(key('ann'))
  const known = records.get(key('ann'))
  records.forget(key('ann'))
  records.remember(key('ann'))
  expect(known?.isEntered).toBe(true)
  vi.advanceTimersByTime(13 * HOUR_MS)
  records.remember(key('ann'))
  vi.advanceTimersByTime(13 * HOUR_MS)
  expect(records.get(key('ann'))).toBe(known)
  records.forget(key('ann'))
  vi.advanceTimersByTime(9 * HOUR_MS)
  records.remember(key('ann'))
  expect(records.get(key('ann'))).toBe(known)
  expect(known?.isEntered).toBe(true)
})

it.each([1, 11, 13, 23])('forgets after a day, asked each %i hours', (hours) => {
  vi.advanceTimersByTime(7 * HOUR_MS)
  records.remember(key('ann'))
  for (let at = hours; at < 48; at += hours) {
    vi.advanceTimersByTime(hours * HOUR_MS)
    if (at <= 12) expect(records.get(key('ann'))).toBeDefined()
    if (at >= 24) expect(records.get(key('ann'))).toBeUndefined()
  }
})

it('forgets after a day in which nothing was asked', () => {
  records.remember(key('ann'))
  vi.advanceTimersByTime(24 * HOUR_MS)
  expect(records.get(key('ann'))).toBeUndefined()
})

it.each([
  ['many', 'x', 50_000],
  ['long', 'x'.repeat(1_000), 16_777_216 / 2_000],
])('forgets the oldest when they are %s', (_what, name, most) => {
  records.remember(key('oldest'))
  for (let i = 0; i < most; i += 1) records.remember(key(`${name}${i}`))
  expect(records.get(key('oldest'))).toBeDefined()
  for (let i = 0; i < most; i += 1) records.remember(key(`${name}again${i}`))
  expect(records.get(key('oldest'))).toBeUndefined()
})
