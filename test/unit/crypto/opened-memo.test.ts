import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { OpenedMemo } from '../../../src/crypto/opened-memo.js'

const context = { kind: 'token', redisKey: 'p:a' }
const sealed = Buffer.from('sealed bytes')

describe('OpenedMemo', () => {
  it('knows the very bytes that were opened', () => {
    const memo = new OpenedMemo(10_000)
    memo.set(sealed, context, 'text')
    expect(memo.get(Buffer.from(sealed), context)).toBe('text')
  })

  it.each([
    ['other bytes', Buffer.from('sealed byteS'), context],
    ['fewer bytes', sealed.subarray(1), context],
    ['another key', sealed, { kind: 'token', redisKey: 'p:b' }],
    ['another kind', sealed, { kind: 'access', redisKey: 'p:a' }],
  ])('does not know %s', (_what, bytes, other) => {
    const memo = new OpenedMemo(10_000)
    memo.set(sealed, context, 'text')
    expect(memo.get(bytes, other)).toBeUndefined()
  })

  it('keeps its own copy of the bytes', () => {
    const memo = new OpenedMemo(10_000)
    const mine = Buffer.from(sealed)
    memo.set(mine, context, 'text')
    mine.fill(0)
    expect(memo.get(mine, context)).toBeUndefined()
    expect(memo.get(sealed, context)).toBe('text')
  })

  it('takes the newer of two for the same key', () => {
    const memo = new OpenedMemo(10_000)
    const newer = Buffer.from('newer bytes')
    memo.set(sealed, context, 'text')
    memo.set(newer, context, 'newer text')
    expect(memo.get(newer, context)).toBe('newer text')
    expect(memo.get(sealed, context)).toBeUndefined()
  })

  it('remembers nothing with 0 bytes', () => {
    const memo = new OpenedMemo(0)
    memo.set(sealed, context, 'text')
    expect(memo.get(sealed, context)).toBeUndefined()
  })

  it('leaves out what would fill half of it', () => {
    const memo = new OpenedMemo(10_000)
    memo.set(sealed, context, 'x'.repeat(10_000))
    expect(memo.get(sealed, context)).toBeUndefined()
  })

  it('keeps what is used while others come and go', () => {
    const memo = new OpenedMemo(20_000)
    memo.set(sealed, context, 'text')
    for (let i = 0; i < 1000; i++) {
      const other = { kind: 'token', redisKey: `p:${i}` }
      memo.set(sealed, other, 'other')
      memo.set(sealed, other, 'other')
      expect(memo.get(sealed, context)).toBe('text')
    }
    expect(memo.get(sealed, { kind: 'token', redisKey: 'p:0' })).toBeUndefined()
  })

  it('lets nothing that is opened but once drive out what it holds', () => {
    const memo = new OpenedMemo(20_000)
    const walk = (): void => {
      for (let i = 0; i < 5000; i++)
        memo.set(sealed, { kind: 'token', redisKey: `walk:${i}` }, 'other')
    }
    walk()
    memo.set(sealed, context, 'text')
    memo.set(sealed, context, 'text')
    walk()
    expect(memo.get(sealed, context)).toBe('text')
  })

  it('does not count what was replaced', () => {
    const memo = new OpenedMemo(20_000)
    memo.set(sealed, context, 'text')
    for (let i = 0; i < 1000; i++) memo.set(sealed, { kind: 'token', redisKey: 'p:b' }, 'other')
    expect(memo.get(sealed, context)).toBe('text')
  })

  it('forgets what was not used for ten minutes', () => {
    let now = 0
    const memo = new OpenedMemo(20_000, () => now)
    const unused = { kind: 'token', redisKey: 'p:unused' }
    memo.set(sealed, context, 'text')
    memo.set(sealed, unused, 'text')
    for (let minute = 1; minute <= 11; minute += 1) {
      now = minute * 60_000
      expect(memo.get(sealed, context)).toBe('text')
    }
    expect(memo.get(sealed, unused)).toBeUndefined()
  })

  it('notes few of the keys that are opened but once, the longer they are', () => {
    const memo = new OpenedMemo(20_000)
    const fill = (): void => {
      for (let i = 0; i < 200; i++) memo.set(sealed, { kind: 'token', redisKey: `p:${i}` }, 'other')
    }
    fill()
    const long = (i: number) => ({ kind: 'token', redisKey: `${i}${'k'.repeat(2_000)}` })
    const isNoted = (i: number): boolean => {
      memo.set(sealed, long(i), 'text')
      return memo.get(sealed, long(i)) === 'text'
    }
    expect(isNoted(0)).toBe(false)
    expect(isNoted(0)).toBe(true)
    expect(isNoted(1)).toBe(false)
    // More than there is room for.
    for (let i = 2; i < 1_000; i++) memo.set(sealed, long(i), 'text')
    expect(isNoted(1)).toBe(false)
  })

  it('never answers with a text that was not the last one set for key and bytes, and stays within its bytes', () => {
    const step = fc.record({
      isSet: fc.boolean(),
      key: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'),
      size: fc.integer({ min: 1, max: 1200 }),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const memo = new OpenedMemo(6000)
        const last = new Map<string, { sealed: Buffer; text: string }>()
        for (const { isSet, key, size } of steps) {
          if (isSet) {
            const entry = { sealed: Buffer.alloc(size, 1), text: `${key}${size}`.repeat(9) }
            memo.set(entry.sealed, { kind: 'token', redisKey: key }, entry.text)
            last.set(key, entry)
          }
          const held = [...last].filter(([name, entry]) => {
            const text = memo.get(entry.sealed, { kind: 'token', redisKey: name })
            expect([undefined, entry.text]).toContain(text)
            return text !== undefined
          })
          const bytes = held.reduce(
            (sum, [, entry]) => sum + entry.sealed.length + 2 * entry.text.length,
            0,
          )
          expect(bytes).toBeLessThanOrEqual(6000)
        }
      }),
    )
  })
})
