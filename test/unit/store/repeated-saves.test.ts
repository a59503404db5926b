import { inspect } from 'node:util'
import { beforeEach, expect, it } from 'vitest'
import { RepeatedSaves } from '../../../src/store/repeated-saves.js'

const WITHIN_MS = 10_000
const MAX_KEYS = 10_000

let now: number
let saves: RepeatedSaves

beforeEach(() => {
  now = 1_000_000
  saves = new RepeatedSaves(() => now)
})

it('a save repeats one of the same text under the same key, of less than ten seconds ago', () => {
  expect(saves.note('a', 'one')).toBe(false)
  now += WITHIN_MS - 1
  expect(saves.note('a', 'one')).toBe(true)
  now += WITHIN_MS
  expect(saves.note('a', 'one')).toBe(false)
})

it('a save of another text, or under another key, repeats nothing', () => {
  saves.note('a', 'one')
  expect(saves.note('a', 'two')).toBe(false)
  expect(saves.note('b', 'two')).toBe(false)
  expect(saves.note('a', 'one')).toBe(false)
})

it('a save is recent for ten seconds', () => {
  expect(saves.isRecent('a')).toBe(false)
  saves.note('a', 'one')
  now += WITHIN_MS - 1
  expect(saves.isRecent('a')).toBe(true)
  now += 1
  expect(saves.isRecent('a')).toBe(false)
})

it('the oldest are forgotten beyond ten thousand', () => {
  for (let i = 0; i < MAX_KEYS; i += 1) saves.note(String(i), 'one')
  saves.note('0', 'one')
  saves.note('one more', 'one')
  expect([saves.isRecent('0'), saves.isRecent('1'), saves.isRecent('2')]).toEqual([
    true,
    false,
    true,
  ])
})

it('however long the texts and keys are, a few megabytes are kept, and no text', () => {
  const longKey = 'k'.repeat(3_000_000)
  expect(saves.note(longKey, 'one')).toBe(false)
  expect(saves.note(longKey, 'one')).toBe(true)
  expect(saves.note('k'.repeat(9_000_000), 'one')).toBe(false)
  expect(saves.isRecent('k'.repeat(9_000_000))).toBe(false)
  for (let i = 0; i < 100; i += 1) saves.note(`${i}${'k'.repeat(100_000)}`, 'one')
  expect(saves.isRecent(longKey)).toBe(false)
  expect(saves.bytes).toBeLessThanOrEqual(8_388_608)

  saves.note('a', 'secret')
  expect(inspect(saves, { depth: null, showHidden: true })).not.toContain('secret')
})

it('all is forgotten in time', () => {
  for (let i = 0; i < 100; i += 1) saves.note(`${i}`, 'one')
  now += WITHIN_MS
  saves.note('a', 'one')
  const alone = saves.bytes
  saves.note('a', 'one')
  expect(saves.bytes).toBe(alone)
  expect(alone).toBeLessThan(1_000)
})
