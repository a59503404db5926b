import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RecentMap, weightOf } from '../../../src/leaves/recent-map.js'

const NONE = Number.POSITIVE_INFINITY
const UNBOUNDED = { maxEntries: NONE, maxBytes: NONE, maxAgeMs: NONE }

describe('a map of recent entries', () => {
  test('forgets the one that was set longest ago', () => {
    const map = new RecentMap<number>({ ...UNBOUNDED, maxEntries: 2 })
    map.set('a', 1)
    map.set('b', 2)
    map.set('a', 3)
    map.set('c', 4)
    expect([map.get('a'), map.get('b'), map.get('c')]).toEqual([3, undefined, 4])
    expect(map.size).toBe(2)
  })

  test('weighs no more than it may', () => {
    const map = new RecentMap<string>({
      ...UNBOUNDED,
      maxBytes: 10,
      bytesOf: (_key, value) => value.length,
    })
    map.set('a', 'xxxxxx')
    map.set('b', 'xxxx')
    map.set('c', 'x')
    expect([map.has('a'), map.has('b'), map.has('c')]).toEqual([false, true, true])
    map.set('d', 'xxxxxxxxxxx')
    expect([map.has('b'), map.has('c'), map.has('d')]).toEqual([true, true, false])
    expect(map.bytes).toBe(5)
  })

  test('does not keep the old value of an entry that became too heavy', () => {
    const map = new RecentMap<string>({
      ...UNBOUNDED,
      maxBytes: 3,
      bytesOf: (_, { length }) => length,
    })
    map.set('a', 'x')
    map.set('a', 'xxxx')
    expect(map.get('a')).toBeUndefined()
  })

  test('counts what is too old as absent, and drops it at the next set', () => {
    let now = 0
    const map = new RecentMap<number>({ ...UNBOUNDED, maxAgeMs: 10 }, () => now)
    map.set('a', 1)
    now = 9
    expect(map.get('a')).toBe(1)
    now = 10
    map.set('b', 2)
    expect(map.size).toBe(1)
    expect(map.has('a')).toBe(false)
  })

  test('weighs keys where nothing else is said', () => {
    const map = new RecentMap<true>({ ...UNBOUNDED, maxBytes: 2 * weightOf('a') })
    map.set('a', true)
    map.set('b', true)
    expect([map.size, map.bytes]).toEqual([2, 2 * weightOf('a')])
    map.set('bb', true)
    expect([map.has('a'), map.has('b'), map.has('bb')]).toEqual([false, false, true])
  })

  test('lists what is young enough, oldest first', () => {
    let now = 0
    const map = new RecentMap<number>({ ...UNBOUNDED, maxAgeMs: 10 }, () => now)
    map.set('a', 1)
    now = 5
    map.set('b', 2)
    map.set('c', 3)
    map.set('b', 4)
    now = 10
    expect([...map.values()]).toEqual([3, 4])
  })

  test('keeps every bound, whatever is set and deleted', () => {
    const step = fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.nat(9), fc.boolean())
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const map = new RecentMap<number>({
          ...UNBOUNDED,
          maxEntries: 3,
          maxBytes: 12,
          bytesOf: (_, value) => value,
        })
        for (const [key, value, isSet] of steps) {
          if (isSet) map.set(key, value)
          else map.delete(key)
          const held = ['a', 'b', 'c', 'd'].map((name) => map.get(name) ?? 0)
          expect(map.bytes).toBe(held.reduce((sum, one) => sum + one, 0))
          expect(map.size).toBeLessThanOrEqual(3)
          expect(map.bytes).toBeLessThanOrEqual(12)
        }
      }),
    )
  })
})
