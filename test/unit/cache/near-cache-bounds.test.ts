import { describe, expect, it } from 'vitest'
import { MemoryScene } from '../../support/near-cache/memory-scene.js'

const scene = new MemoryScene()
const { changed, heldRead, isKept, open, read } = scene

describe('the number of entries', () => {
  it('never exceeds maxEntries', async () => {
    open({ maxEntries: 3 })
    for (let i = 0; i < 20; i += 1) {
      await read(String(i))
      const kept = Array.from({ length: 20 }, (_, n) => isKept(String(n)))
      expect(kept.filter(Boolean).length).toBe(Math.min(i + 1, 3))
    }
  })

  it('is kept to by dropping what was not used lately', async () => {
    open({ maxEntries: 3 })
    for (const name of ['a', 'b', 'c']) await read(name)
    for (const name of ['d', 'e', 'f', 'g']) {
      expect(await read('a')).toBeNull()
      await read(name)
    }
    expect(scene.reads.filter((key) => key === 'key:a')).toHaveLength(1)
  })

  it('of 1 is kept to as well, with the latest', async () => {
    open({ maxEntries: 1 })
    await read('a')
    await read('b')
    expect([isKept('a'), isKept('b')]).toEqual([false, true])
  })

  it('counts what is being read, and keeps the latest of it', async () => {
    open({ maxEntries: 2 })
    const held = ['a', 'b', 'c'].map((name) => heldRead(name))
    for (const { answer } of held) answer('one')
    expect(await Promise.all(held.map(({ value }) => value))).toEqual(['one', 'one', 'one'])
    expect(['a', 'b', 'c'].map(isKept)).toEqual([false, true, true])
  })
})

describe('the bytes of all entries', () => {
  const LARGE = 'x'.repeat(10_000)

  it('never exceed maxBytes, whatever the number of entries', async () => {
    open({ maxBytes: 45_000 })
    for (let i = 0; i < 20; i += 1) {
      scene.redis.set(`key:${i}`, LARGE)
      expect(await read(String(i))).toBe(LARGE)
      expect(scene.cache.bytes).toBeLessThanOrEqual(45_000)
      expect(isKept(String(i))).toBe(true)
    }
    const kept = Array.from({ length: 20 }, (_, i) => isKept(String(i)))
    expect(kept.filter(Boolean)).toHaveLength(4)
  })

  it('are kept to by dropping what was not used lately', async () => {
    open({ maxBytes: 45_000 })
    for (const name of 'abcdefgh') scene.redis.set(`key:${name}`, LARGE)
    for (const name of 'abcd') await read(name)
    for (const name of 'efgh') {
      await read('a')
      await read(name)
    }
    expect(scene.reads.filter((key) => key === 'key:a')).toHaveLength(1)
  })

  it('leave out what is larger than all may be together, and nothing makes room for it', async () => {
    open({ maxBytes: 20_000 })
    scene.redis.set('key:a', LARGE)
    scene.redis.set('key:b', LARGE.repeat(3))
    await read('a')
    expect(await read('b')).toBe(LARGE.repeat(3))
    expect([isKept('a'), isKept('b')]).toEqual([true, false])
  })

  it('count names, and entries that are absent', async () => {
    open({ maxEntries: 1_000, maxBytes: 100_000 })
    for (let i = 0; i < 1_000; i += 1) await read(`${i}${'n'.repeat(500)}`)
    expect(scene.cache.bytes).toBeGreaterThan(90_000)
    expect(scene.cache.bytes).toBeLessThanOrEqual(100_000)
  })

  it('are those of what is kept, once others were changed, dropped, replaced or have ended', async () => {
    scene.redis.set('key:a', LARGE)
    await read('a')
    const one = scene.cache.bytes
    for (const name of 'bcd') scene.redis.set(`key:${name}`, LARGE)
    for (const name of 'bcd') await read(name)
    expect(scene.cache.bytes).toBe(4 * one)
    changed('b')
    scene.cache.drop('key:c')
    expect(scene.cache.bytes).toBe(2 * one)
    scene.now += MemoryScene.MAX_AGE_MS
    for (const name of 'ad') await read(name)
    expect(scene.cache.bytes).toBe(2 * one)
    scene.cache.disarmed()
    expect(scene.cache.bytes).toBe(0)
  })
})
