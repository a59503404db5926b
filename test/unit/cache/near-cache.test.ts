import { beforeEach, describe, expect, it } from 'vitest'
import { NearCache, type NearCacheLimits } from '../../../src/cache/near-cache.js'
import type { Shelf, Source } from '../../../src/cache/shelf.js'

const MAX_AGE_MS = 1_000

let now: number
let cache: NearCache
let shelf: Shelf<string>
/** What stands in Redis, by key. */
let redis: Map<string, string>
let reads: string[]

beforeEach(() => {
  now = 1_000_000
  redis = new Map()
  reads = []
  open({})
})

function open(limits: Partial<NearCacheLimits>): void {
  const all = { maxEntries: 100, maxBytes: 1e9, maxAgeMs: MAX_AGE_MS, ...limits }
  cache = new NearCache(all, { now: () => now })
  shelf = cache.shelf(() => undefined)
  cache.armed()
}

function source(key: string, more: Partial<Source<string>> = {}): Source<string> {
  return {
    read: async () => {
      reads.push(key)
      return redis.get(key) ?? null
    },
    expiresAt: () => null,
    bytesOf: ({ length }) => length,
    ...more,
  }
}

async function read(name: string, more: Partial<Source<string>> = {}): Promise<string | null> {
  const known = shelf.get('group', name)
  return known === undefined
    ? shelf.read('group', name, `key:${name}`, source(`key:${name}`, more))
    : known.value
}

/** A read whose answer comes when the test says so. */
function heldRead(name: string, more: Partial<Source<string>> = {}) {
  let answer: (value: string | null) => void = () => undefined
  const held = new Promise<string | null>((resolve) => {
    answer = resolve
  })
  return { answer, value: read(name, { read: () => held, ...more }) }
}

const changed = (...names: string[]) =>
  cache.changed(names.map((name) => Buffer.from(`key:${name}`)))

const isKept = (name: string) => shelf.get('group', name) !== undefined

describe('what was read', () => {
  it('is read once', async () => {
    redis.set('key:a', 'one')
    expect([await read('a'), await read('a')]).toEqual(['one', 'one'])
    expect(reads).toEqual(['key:a'])
  })

  it('is kept as well where there is nothing', async () => {
    expect([await read('a'), await read('a')]).toEqual([null, null])
    expect(reads).toEqual(['key:a'])
  })

  it('is kept apart by both of its names', async () => {
    const names = [
      ['a', 'bc'],
      ['ab', 'c'],
      ['', 'abc'],
      ['abc', ''],
    ] as const
    for (const [group, name] of names) {
      const more = { read: async () => `${group}/${name}` }
      await shelf.read(group, name, `${group}/${name}`, source('', more))
    }
    for (const [group, name] of names) {
      expect(shelf.get(group, name)?.value).toBe(`${group}/${name}`)
    }
  })

  it('is kept apart from what has the same names on another shelf', async () => {
    const other = cache.shelf<number>(() => undefined)
    await read('a')
    expect(other.get('group', 'a')).toBeUndefined()
    await other.read('group', 'a', 'other', {
      read: async () => 1,
      expiresAt: () => null,
      bytesOf: () => 8,
    })
    expect(other.get('group', 'a')?.value).toBe(1)
    expect(shelf.get('group', 'a')?.value).toBeNull()
  })

  it('is not kept when the read fails, and the next one reads again', async () => {
    const read1 = read('a', { read: async () => Promise.reject(new Error('lost')) })
    await expect(read1).rejects.toThrow('lost')
    redis.set('key:a', 'one')
    expect(await read('a')).toBe('one')
  })

  it('is not kept when the read throws', async () => {
    const failing = () => {
      throw new Error('lost')
    }
    await expect(read('a', { read: failing })).rejects.toThrow('lost')
    expect(await read('a')).toBeNull()
  })

  it('is answered to all who asked meanwhile, by one read', async () => {
    const held = heldRead('a')
    const joined = [read('a'), read('a')]
    held.answer('one')
    expect(await Promise.all([held.value, ...joined])).toEqual(['one', 'one', 'one'])
    expect(reads).toEqual([])
  })

  it('fails for all who asked meanwhile', async () => {
    const failing = read('a', { read: () => Promise.reject(new Error('lost')) })
    const joined = read('a')
    await expect(failing).rejects.toThrow('lost')
    await expect(joined).rejects.toThrow('lost')
  })
})

describe('a change', () => {
  it('makes the next read ask again', async () => {
    redis.set('key:a', 'one')
    await read('a')
    redis.set('key:a', 'two')
    changed('b', 'a')
    expect(await read('a')).toBe('two')
  })

  it('leaves other keys alone', async () => {
    await read('a')
    changed('b')
    expect(isKept('a')).toBe(true)
  })

  it('while the read is under way wins: the caller gets the value, and nobody else', async () => {
    const held = heldRead('a')
    changed('a')
    redis.set('key:a', 'two')
    const later = read('a')
    held.answer('one')
    expect(await held.value).toBe('one')
    expect(await later).toBe('two')
    expect(await read('a')).toBe('two')
    expect(reads).toEqual(['key:a'])
  })

  it('of any key drops all, also what is being read', async () => {
    await read('a')
    const held = heldRead('b')
    cache.changed(null)
    held.answer('one')
    await held.value
    expect([isKept('a'), isKept('b')]).toEqual([false, false])
  })

  it('by this process drops the key when it is sent, and what is being read', async () => {
    await read('a')
    const held = heldRead('b')
    cache.drop('key:a')
    cache.drop('key:b')
    held.answer('one')
    await held.value
    expect([isKept('a'), isKept('b')]).toEqual([false, false])
  })

  it('is told once to who asked for it, and not when this process made it', async () => {
    let calls = 0
    const onChange = () => {
      calls += 1
    }
    await read('a', { onChange })
    cache.drop('key:a')
    await read('a', { onChange })
    changed('a')
    changed('a')
    expect(calls).toBe(1)
  })

  it('is told as well when it comes before the read has ended', async () => {
    let calls = 0
    const held = heldRead('a')
    void read('a', {
      onChange: () => {
        calls += 1
      },
    })
    changed('a')
    held.answer('one')
    await held.value
    expect(calls).toBe(1)
  })
})

describe('while nothing is heard', () => {
  it('nothing is given, kept or joined', async () => {
    await read('a')
    cache.disarmed()
    expect(isKept('a')).toBe(false)
    await Promise.all([read('a'), read('a')])
    expect(reads).toEqual(['key:a', 'key:a', 'key:a'])
    expect(isKept('a')).toBe(false)
  })

  it('what is being read is not kept, even when it is heard again before the read ends', async () => {
    const held = heldRead('a')
    cache.disarmed()
    cache.armed()
    held.answer('one')
    expect(await held.value).toBe('one')
    expect(isKept('a')).toBe(false)
  })

  it('a read that began is not kept once it is heard', async () => {
    cache.disarmed()
    const held = heldRead('a')
    cache.armed()
    held.answer('one')
    await held.value
    expect(isKept('a')).toBe(false)
  })
})

describe('the age', () => {
  it('ends what is in memory, counted from the beginning of the read', async () => {
    const held = heldRead('a')
    now += 1
    held.answer('one')
    await held.value
    now += MAX_AGE_MS - 2
    expect(await read('a')).toBe('one')
    now += 1
    redis.set('key:a', 'two')
    expect(await read('a')).toBe('two')
  })

  it('says nothing when the clock was set back, and the value is read again', async () => {
    await read('a')
    now -= 1
    expect(isKept('a')).toBe(false)
    await read('a')
    expect(reads).toEqual(['key:a', 'key:a'])
    expect(isKept('a')).toBe(true)
  })
})

describe('the expiry of a value', () => {
  it('ends what is in memory, to the millisecond', async () => {
    redis.set('key:a', 'one')
    await read('a', { expiresAt: () => now + 10 })
    now += 9
    expect(shelf.get('group', 'a')).toMatchObject({ value: 'one', expiresAt: now + 1 })
    now += 1
    expect(isKept('a')).toBe(false)
  })

  it('in the past, or undefined, keeps it out of memory', async () => {
    await read('a', { expiresAt: () => now })
    await read('b', { expiresAt: () => undefined })
    expect([isKept('a'), isKept('b')]).toEqual([false, false])
    await read('b', { expiresAt: async () => undefined })
    expect(isKept('b')).toBe(false)
  })

  it('may come later than the value, which its caller gets at once', async () => {
    let answer: (expiresAt: number) => void = () => undefined
    const expiry = new Promise<number>((resolve) => {
      answer = resolve
    })
    redis.set('key:a', 'one')
    expect(await read('a', { expiresAt: () => expiry })).toBe('one')
    expect(isKept('a')).toBe(false)
    redis.set('key:a', 'two')
    expect(await read('a')).toBe('two')
    answer(now + 10)
    await expiry
    expect(shelf.get('group', 'a')?.value).toBe('one')
  })

  it('is not waited for when it fails, and leaves room for the next read', async () => {
    await read('a', { expiresAt: () => Promise.reject(new Error('lost')) })
    await Promise.resolve()
    expect(isKept('a')).toBe(false)
    await read('a')
    expect(isKept('a')).toBe(true)
  })

  it('that comes after a change keeps nothing', async () => {
    let answer: (expiresAt: number) => void = () => undefined
    const expiry = new Promise<number>((resolve) => {
      answer = resolve
    })
    await read('a', { expiresAt: () => expiry })
    changed('a')
    answer(now + 10)
    await expiry
    expect(isKept('a')).toBe(false)
  })
})

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
    expect(reads.filter((key) => key === 'key:a')).toHaveLength(1)
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
      redis.set(`key:${i}`, LARGE)
      expect(await read(String(i))).toBe(LARGE)
      expect(cache.bytes).toBeLessThanOrEqual(45_000)
      expect(isKept(String(i))).toBe(true)
    }
    const kept = Array.from({ length: 20 }, (_, i) => isKept(String(i)))
    expect(kept.filter(Boolean)).toHaveLength(4)
  })

  it('are kept to by dropping what was not used lately', async () => {
    open({ maxBytes: 45_000 })
    for (const name of 'abcdefgh') redis.set(`key:${name}`, LARGE)
    for (const name of 'abcd') await read(name)
    for (const name of 'efgh') {
      await read('a')
      await read(name)
    }
    expect(reads.filter((key) => key === 'key:a')).toHaveLength(1)
  })

  it('leave out what is larger than all may be together, and nothing makes room for it', async () => {
    open({ maxBytes: 20_000 })
    redis.set('key:a', LARGE)
    redis.set('key:b', LARGE.repeat(3))
    await read('a')
    expect(await read('b')).toBe(LARGE.repeat(3))
    expect([isKept('a'), isKept('b')]).toEqual([true, false])
  })

  it('count names, and entries that are absent', async () => {
    open({ maxEntries: 1_000, maxBytes: 100_000 })
    for (let i = 0; i < 1_000; i += 1) await read(`${i}${'n'.repeat(500)}`)
    expect(cache.bytes).toBeGreaterThan(90_000)
    expect(cache.bytes).toBeLessThanOrEqual(100_000)
  })

  it('are those of what is kept, once others were changed, dropped, replaced or have ended', async () => {
    redis.set('key:a', LARGE)
    await read('a')
    const one = cache.bytes
    for (const name of 'bcd') redis.set(`key:${name}`, LARGE)
    for (const name of 'bcd') await read(name)
    expect(cache.bytes).toBe(4 * one)
    changed('b')
    cache.drop('key:c')
    expect(cache.bytes).toBe(2 * one)
    now += MAX_AGE_MS
    for (const name of 'ad') await read(name)
    expect(cache.bytes).toBe(2 * one)
    cache.disarmed()
    expect(cache.bytes).toBe(0)
  })
})

it('a shelf says before its first read, and once, that it is read', async () => {
  const heard: string[] = []
  const late = cache.shelf<string>(() => heard.push(`after ${reads.length} reads`))
  expect(late.get('group', 'a')).toBeUndefined()
  expect(heard).toEqual([])
  for (const name of ['a', 'b']) await late.read('group', name, name, source(name))
  expect(heard).toEqual(['after 0 reads'])
})
