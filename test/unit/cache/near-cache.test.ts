import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Balance } from '../../../src/cache/balance.js'
import { type CacheEvent, CHANNELS } from '../../../src/leaves/diagnostics.js'
import { MemoryScene } from '../../support/near-cache/memory-scene.js'

const scene = new MemoryScene()
const { changed, heldRead, isKept, read, source } = scene

describe('what was read', () => {
  it('is read once', async () => {
    scene.redis.set('key:a', 'one')
    expect([await read('a'), await read('a')]).toEqual(['one', 'one'])
    expect(scene.reads).toEqual(['key:a'])
  })

  it('is kept as well where there is nothing', async () => {
    expect([await read('a'), await read('a')]).toEqual([null, null])
    expect(scene.reads).toEqual(['key:a'])
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
      await scene.shelf.read(group, name, `${group}/${name}`, source('', more))
    }
    for (const [group, name] of names) {
      expect(scene.shelf.get(group, name)?.value).toBe(`${group}/${name}`)
    }
  })

  it('is kept apart from what has the same names on another shelf', async () => {
    const other = scene.cache.shelf<number>(() => undefined)
    await read('a')
    expect(other.get('group', 'a')).toBeUndefined()
    await other.read('group', 'a', 'other', {
      read: async () => 1,
      expiresAt: () => null,
      bytesOf: () => 8,
    })
    expect(other.get('group', 'a')?.value).toBe(1)
    expect(scene.shelf.get('group', 'a')?.value).toBeNull()
  })

  it('is not kept when the read fails, and the next one reads again', async () => {
    const read1 = read('a', { read: async () => Promise.reject(new Error('lost')) })
    await expect(read1).rejects.toThrow('lost')
    scene.redis.set('key:a', 'one')
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
    expect(scene.reads).toEqual([])
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
    scene.redis.set('key:a', 'one')
    await read('a')
    scene.redis.set('key:a', 'two')
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
    scene.redis.set('key:a', 'two')
    const later = read('a')
    held.answer('one')
    expect(await held.value).toBe('one')
    expect(await later).toBe('two')
    expect(await read('a')).toBe('two')
    expect(scene.reads).toEqual(['key:a'])
  })

  it('of any key drops all, also what is being read', async () => {
    await read('a')
    const held = heldRead('b')
    scene.cache.changed(null)
    held.answer('one')
    await held.value
    expect([isKept('a'), isKept('b')]).toEqual([false, false])
  })

  it.each([
    ['of one key', [Buffer.from('key:a')]],
    ['of any key', null],
  ])('%s is told once nothing older can be read', async (_, keys) => {
    await read('a')
    const wasKept: boolean[] = []
    const hear = (message: unknown): void => {
      if ((message as CacheEvent).event === 'invalidated') wasKept.push(isKept('a'))
    }
    subscribe(CHANNELS.cache, hear)
    onTestFinished(() => void unsubscribe(CHANNELS.cache, hear))
    scene.cache.changed(keys)
    expect(wasKept).toEqual([false])
  })

  it('by this process drops the key when it is sent, and what is being read', async () => {
    await read('a')
    const held = heldRead('b')
    scene.cache.drop('key:a')
    scene.cache.drop('key:b')
    held.answer('one')
    await held.value
    expect([isKept('a'), isKept('b')]).toEqual([false, false])
  })
})

describe('while nothing is heard', () => {
  it('nothing is given, kept or joined', async () => {
    await read('a')
    scene.cache.disarmed()
    expect(isKept('a')).toBe(false)
    await Promise.all([read('a'), read('a')])
    expect(scene.reads).toEqual(['key:a', 'key:a', 'key:a'])
    expect(isKept('a')).toBe(false)
  })

  it('what is being read is not kept, even when it is heard again before the read ends', async () => {
    const held = heldRead('a')
    scene.cache.disarmed()
    scene.cache.armed()
    held.answer('one')
    expect(await held.value).toBe('one')
    expect(isKept('a')).toBe(false)
  })

  it('a read that began is not kept once it is heard', async () => {
    scene.cache.disarmed()
    const held = heldRead('a')
    scene.cache.armed()
    held.answer('one')
    await held.value
    expect(isKept('a')).toBe(false)
  })
})

describe('while it rests', () => {
  /** Copies that are changed before anybody reads them. */
  async function comeToRest(): Promise<void> {
    scene.open({}, new Balance(2))
    await read('a')
    expect(changed('a')).toBe(true)
    await read('a')
    await read('b')
    expect(scene.cache.isResting).toBe(false)
    expect(changed('a')).toBe(false)
    expect(scene.cache.isResting).toBe(true)
    scene.reads.length = 0
  }

  it('nothing is given, kept or joined, and nobody is to say again that it shall rest', async () => {
    await comeToRest()
    expect(isKept('b')).toBe(false)
    expect(scene.cache.bytes).toBe(0)
    await Promise.all([read('a'), read('a')])
    expect(scene.reads).toEqual(['key:a', 'key:a'])
    expect([changed('a'), scene.cache.changed(null)]).toEqual([true, true])
  })

  it('what was being read is not kept, even when it is armed before the read ends', async () => {
    scene.open({}, new Balance(1))
    const held = heldRead('b')
    await read('a')
    expect(changed('a')).toBe(false)
    const late = heldRead('c')
    scene.cache.armed()
    for (const { answer } of [held, late]) answer('one')
    expect(await Promise.all([held.value, late.value])).toEqual(['one', 'one'])
    expect([isKept('b'), isKept('c')]).toEqual([false, false])
  })

  it('that is no time in which it could keep nothing, until changes are missed', async () => {
    await comeToRest()
    expect(scene.cache.disarmedMs).toBe(0)
    scene.cache.armed()
    expect([scene.cache.disarmedMs, scene.cache.isResting]).toEqual([0, false])
    await read('a')
    expect(isKept('a')).toBe(true)
    await comeToRest()
    scene.cache.disarmed()
    expect(scene.cache.isResting).toBe(false)
    expect(scene.cache.disarmedMs).toBeGreaterThan(0)
  })
})

describe('a copy counts as ended, for what it costs,', () => {
  const ends: [name: string, end: () => Promise<unknown>][] = [
    ['when it changes', async () => changed('a')],
    ['when this process writes it', async () => scene.cache.drop('key:a')],
    [
      'when it is too old',
      async () => {
        scene.now += MemoryScene.MAX_AGE_MS
        await read('a')
      },
    ],
    ['when others need its room', () => read('b')],
  ]
  it.each(ends)('%s', async (_, end) => {
    scene.open({ maxEntries: 1 }, new Balance(1))
    await read('a')
    expect(changed('other')).toBe(true)
    await end()
    changed('other')
    expect(scene.cache.isResting).toBe(true)
  })
})

describe('the age', () => {
  it('ends what is in memory, counted from the beginning of the read', async () => {
    const held = heldRead('a')
    scene.now += 1
    held.answer('one')
    await held.value
    scene.now += MemoryScene.MAX_AGE_MS - 2
    expect(await read('a')).toBe('one')
    scene.now += 1
    scene.redis.set('key:a', 'two')
    expect(await read('a')).toBe('two')
  })

  it('says nothing when the clock was set back, and the value is read again', async () => {
    await read('a')
    scene.now -= 1
    expect(isKept('a')).toBe(false)
    await read('a')
    expect(scene.reads).toEqual(['key:a', 'key:a'])
    expect(isKept('a')).toBe(true)
  })
})

describe('the expiry of a value', () => {
  it('ends what is in memory, to the millisecond', async () => {
    scene.redis.set('key:a', 'one')
    await read('a', { expiresAt: () => scene.now + 10 })
    scene.now += 9
    expect(scene.shelf.get('group', 'a')).toMatchObject({ value: 'one', expiresAt: scene.now + 1 })
    scene.now += 1
    expect(isKept('a')).toBe(false)
  })

  it('in the past, or undefined, keeps it out of memory', async () => {
    await read('a', { expiresAt: () => scene.now })
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
    scene.redis.set('key:a', 'one')
    expect(await read('a', { expiresAt: () => expiry })).toBe('one')
    expect(isKept('a')).toBe(false)
    expect(await read('a')).toBe('one')
    expect(scene.reads).toHaveLength(2)
    answer(scene.now + 10)
    await expiry
    expect(scene.shelf.get('group', 'a')?.value).toBe('one')
  })

  it('is waited for by one more read, which all who ask meanwhile share', async () => {
    let answer: (expiresAt: number) => void = () => undefined
    const expiry = new Promise<number>((resolve) => {
      answer = resolve
    })
    scene.redis.set('key:a', 'one')
    await read('a', { expiresAt: () => expiry })
    expect(await Promise.all([read('a'), read('a'), read('a')])).toEqual(['one', 'one', 'one'])
    expect(scene.reads).toEqual(['key:a', 'key:a'])
    answer(scene.now + 10)
    await expiry
    expect(await read('a')).toBe('one')
    expect(scene.reads).toEqual(['key:a', 'key:a'])
  })

  it.each(['before', 'after'])(
    'that comes %s the next read ends leaves nothing older than that gave',
    async (expiryComes) => {
      let answer: (expiresAt: null) => void = () => undefined
      const expiry = new Promise<null>((resolve) => {
        answer = resolve
      })
      const more = { expiresAt: () => expiry }
      scene.redis.set('key:a', 'one')
      expect(await read('a', more)).toBe('one')
      scene.redis.set('key:a', 'two')
      const beside = heldRead('a', more)
      if (expiryComes === 'before') {
        answer(null)
        await expiry
      }
      beside.answer('two')
      expect(await beside.value).toBe('two')
      answer(null)
      await expiry
      expect(await read('a', more)).toBe('two')
    },
  )

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
    answer(scene.now + 10)
    await expiry
    expect(isKept('a')).toBe(false)
  })
})

it('a shelf says before its first read, and once, that it is read', async () => {
  const heard: string[] = []
  const late = scene.cache.shelf<string>(() => heard.push(`after ${scene.reads.length} reads`))
  expect(late.get('group', 'a')).toBeUndefined()
  expect(heard).toEqual([])
  for (const name of ['a', 'b']) await late.read('group', name, name, source(name))
  expect(heard).toEqual(['after 0 reads'])
})
