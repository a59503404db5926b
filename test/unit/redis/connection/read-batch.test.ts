import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { RedisOAuthDatabaseError } from '../../../../src/leaves/errors.js'
import { ReadBatch } from '../../../../src/redis/connection/read-batch.js'

const MAX_KEYS = 32

/** What was sent, in order: the name of the command and its keys. */
let sent: string[][]
/** What stands under the keys; undefined: another type than a string. */
let standing: Map<string, string | undefined>
/** What fails instead of being answered, by the name of the command. */
let failing: Map<string, unknown>
let batch: ReadBatch<string>

beforeEach(() => {
  sent = []
  standing = new Map()
  failing = new Map()
  batch = open()
})

function open(slotOf: (key: string) => number = () => 0): ReadBatch<string> {
  return new ReadBatch<string>(
    {
      get: (key) => send('get', [key]),
      mget: (keys) => send('mget', keys),
      exists: (keys) => send('exists', keys),
    },
    slotOf,
  )
}

// biome-ignore lint/suspicious/noExplicitAny: its caller knows the answer
async function send(name: string, keys: string[]): Promise<any> {
  sent.push([name, ...keys])
  const answer = answerTo(name, keys)
  // Answers come later than questions.
  await Promise.resolve()
  if (answer instanceof Error) throw answer
  return answer
}

function answerTo(name: string, keys: string[]): unknown {
  const failure = failing.get(name)
  if (failure !== undefined) return failure
  if (name === 'exists') return keys.filter((key) => standing.has(key)).length
  if (name === 'mget') return keys.map((key) => standing.get(key) ?? null)
  const [key = ''] = keys
  if (standing.has(key) && standing.get(key) === undefined) return wrongType()
  return standing.get(key) ?? null
}

const wrongType = () => new RedisOAuthDatabaseError('WRONG_TYPE', 'wrong type')

/** Reads a key with others, up to so many in a command. */
const putOff = (key: string, most = Number.POSITIVE_INFINITY) => batch.get(key, most)

const keysOf = (count: number) => Array.from({ length: count }, (_, i) => `key_${i}`)

describe('reads that have not been sent yet', () => {
  it('leave as one command, in the order of the calls', async () => {
    standing.set('b', 'two')
    standing.set('a', 'one')
    const reads = [putOff('b'), putOff('a')]
    expect(sent).toEqual([])
    batch.flush()
    expect(sent).toEqual([['mget', 'b', 'a']])
    expect(await Promise.all(reads)).toEqual(['two', 'one'])
  })

  it('leave sooner where fewer are to leave together, and count until then', () => {
    for (const key of keysOf(5)) void putOff(key, 3)
    expect(sent).toEqual([['mget', 'key_0', 'key_1', 'key_2']])
    expect(batch.size).toBe(2)
    batch.flush()
    expect(batch.size).toBe(0)
  })

  it('may be of one key, whether it is there or not', async () => {
    standing.set('a', 'one')
    const reads = ['a', 'b', 'a', 'b'].map((key) => putOff(key))
    batch.flush()
    expect(await Promise.all(reads)).toEqual(['one', null, 'one', null])
    standing.set('list', undefined)
    const refused = ['list', 'list'].map((key) => putOff(key))
    batch.flush()
    for (const read of await Promise.allSettled(refused)) {
      expect(read).toMatchObject({ reason: { code: 'WRONG_TYPE' } })
    }
  })

  it('leave as a GET when there is one', async () => {
    standing.set('a', 'one')
    const read = putOff('a')
    batch.flush()
    expect(await read).toBe('one')
    expect(sent).toEqual([['get', 'a']])
  })

  it('leave at once when there are as many as leave together, and never more in a command', async () => {
    const keys = keysOf(2 * MAX_KEYS + 3)
    for (const key of keys) standing.set(key, `value of ${key}`)
    const reads = keys.map((key) => putOff(key, MAX_KEYS))
    expect(sent.map((command) => command.length - 1)).toEqual([MAX_KEYS, MAX_KEYS])
    batch.flush()
    expect(sent.flatMap(([, ...of]) => of)).toEqual(keys)
    expect(await Promise.all(reads)).toEqual(keys.map((key) => `value of ${key}`))
  })

  it('do not join one that has been sent: it may be answered with what was there before', async () => {
    standing.set('a', 'one')
    const first = putOff('a')
    batch.flush()
    standing.set('a', 'two')
    const second = putOff('a')
    batch.flush()
    expect(await Promise.all([first, second])).toEqual(['one', 'two'])
  })

  it('leave by slot', async () => {
    batch = open((key) => key.length)
    const reads = ['a', 'bb', 'c', 'dd', 'eee'].map((key) => putOff(key))
    batch.flush()
    expect(sent.slice(0, 3)).toEqual([
      ['mget', 'a', 'c'],
      ['mget', 'bb', 'dd'],
      ['get', 'eee'],
    ])
    await Promise.all(reads)
  })

  it('are sent once: a second flush sends nothing', () => {
    void putOff('a')
    batch.flush()
    batch.flush()
    expect(sent).toEqual([['get', 'a']])
  })
})

describe('a nil of MGET', () => {
  it('is null where there is no such key', async () => {
    standing.set('a', 'one')
    const reads = [putOff('a'), putOff('b'), putOff('c')]
    batch.flush()
    expect(await Promise.all(reads)).toEqual(['one', null, null])
    expect(sent).toEqual([
      ['mget', 'a', 'b', 'c'],
      ['exists', 'b', 'c'],
    ])
  })

  it('is an error where the key is of another type, for who asked for that key', async () => {
    standing.set('list', undefined)
    const reads = [putOff('list'), putOff('absent')]
    batch.flush()
    const [list, absent] = await Promise.allSettled(reads)
    expect(list).toMatchObject({ status: 'rejected', reason: { code: 'WRONG_TYPE' } })
    expect(absent).toEqual({ status: 'fulfilled', value: null })
  })

  it('stays null where the key is written before that is known: the read was called before', async () => {
    const reads = [putOff('a'), putOff('b')]
    batch.flush()
    standing.set('a', 'later')
    expect(await Promise.all(reads)).toEqual([null, null])
  })

  it('is an error where that cannot be found out', async () => {
    const lost = new RedisOAuthDatabaseError('CONNECTION_LOST', 'lost')
    failing.set('exists', lost)
    const reads = [putOff('a'), putOff('b')]
    batch.flush()
    for (const read of await Promise.allSettled(reads)) {
      expect(read).toMatchObject({ reason: { code: 'CONNECTION_LOST' } })
    }
  })
})

describe('a failure', () => {
  it('comes to each caller as an error of its own', async () => {
    const cause = new Error('reset')
    failing.set('mget', new RedisOAuthDatabaseError('CONNECTION_LOST', 'lost', { cause }))
    const reads = [putOff('a'), putOff('b')]
    batch.flush()
    const [a, b] = (await Promise.allSettled(reads)) as PromiseRejectedResult[]
    expect(a?.reason).toBeInstanceOf(RedisOAuthDatabaseError)
    expect(a?.reason).toMatchObject({ code: 'CONNECTION_LOST', message: 'lost', cause })
    expect(b?.reason).toMatchObject({ code: 'CONNECTION_LOST', message: 'lost', cause })
    expect(a?.reason).not.toBe(b?.reason)
  })

  it('for want of permission makes a GET of each, now and from then on', async () => {
    failing.set('mget', new RedisOAuthDatabaseError('PERMISSION_DENIED', 'no MGET'))
    standing.set('a', 'one')
    const first = [putOff('a'), putOff('b')]
    batch.flush()
    expect(await Promise.all(first)).toEqual(['one', null])
    sent = []
    const second = [putOff('a'), putOff('b')]
    batch.flush()
    expect(await Promise.all(second)).toEqual(['one', null])
    expect(sent).toEqual([
      ['get', 'a'],
      ['get', 'b'],
    ])
  })

  it('of one key for want of permission is that of who asked for it', async () => {
    failing.set('mget', new RedisOAuthDatabaseError('PERMISSION_DENIED', 'no key b'))
    const reads = [putOff('a'), putOff('b')]
    batch.flush()
    await Promise.resolve()
    const denied = new RedisOAuthDatabaseError('PERMISSION_DENIED', 'no key b')
    batch = open()
    failing.set('get', denied)
    for (const read of await Promise.allSettled(reads)) {
      expect(read).toMatchObject({ reason: { code: 'PERMISSION_DENIED' } })
    }
  })
})

describe('each read', () => {
  type Step =
    | { name: 'read'; key: string }
    | { name: 'write'; key: string; value: string | undefined }
    | { name: 'delete'; key: string }
    | { name: 'flush' | 'rest' }

  const key = fc.constantFrom('a', 'b', 'c', 'd')
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 4, arbitrary: fc.record({ name: fc.constant('read' as const), key }) },
    {
      weight: 2,
      arbitrary: fc.record({
        name: fc.constant('write' as const),
        key,
        value: fc.constantFrom('one', 'two', 'three', undefined),
      }),
    },
    { weight: 1, arbitrary: fc.record({ name: fc.constant('delete' as const), key }) },
    {
      weight: 2,
      arbitrary: fc.record({ name: fc.constantFrom('flush' as const, 'rest' as const) }),
    },
  )

  /** Reads, and what stood under their keys when they were sent. */
  class Reads {
    readonly #results: { result: Promise<unknown>; stood: unknown }[] = []
    #unsent: { of: string; result: Promise<unknown> }[] = []

    call(of: string): void {
      this.#unsent.push({ of, result: putOff(of).catch(({ code }) => code) })
    }

    send(): void {
      for (const { of, result } of this.#unsent) {
        const stood = standing.has(of) ? (standing.get(of) ?? 'WRONG_TYPE') : null
        this.#results.push({ result, stood })
      }
      this.#unsent = []
      batch.flush()
    }

    async check(): Promise<void> {
      for (const { result, stood } of this.#results) {
        const found = await result
        // What is no string is looked at again, and may be something else by then; but never the value of a later write.
        if (typeof stood === 'string' && stood !== 'WRONG_TYPE') expect(found).toBe(stood)
        else expect([null, 'WRONG_TYPE']).toContain(found)
      }
    }
  }

  async function act(reads: Reads, one: Step): Promise<void> {
    if (one.name === 'read') return reads.call(one.key)
    if (one.name === 'rest') return new Promise((resolve) => setImmediate(resolve))
    // As the connection does: what was called before leaves before.
    reads.send()
    if (one.name === 'write') standing.set(one.key, one.value)
    if (one.name === 'delete') standing.delete(one.key)
  }

  it('gets what stood when it was sent, whatever is written before and after', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        standing = new Map()
        batch = open((of) => (of < 'c' ? 0 : 1))
        const reads = new Reads()
        for (const one of steps) await act(reads, one)
        reads.send()
        await reads.check()
      }),
      { numRuns: 500 },
    )
  })
})

describe('many at once', () => {
  it('leave at once, in commands of at most 32 keys, and are answered in their order', async () => {
    const keys = keysOf(70)
    for (const key of keys) standing.set(key, `value of ${key}`)
    const reading = batch.getAll(keys)
    expect(sent.map(([name, ...some]) => [name, some.length])).toEqual([
      ['mget', 32],
      ['mget', 32],
      ['mget', 6],
    ])
    expect(await reading).toEqual(keys.map((key) => `value of ${key}`))
  })

  it('may name a key twice', async () => {
    standing.set('a', 'one')
    expect(await batch.getAll(['a', 'b', 'a', 'a'])).toEqual(['one', null, 'one', 'one'])
  })

  it('send nothing for no keys', async () => {
    expect(await batch.getAll([])).toEqual([])
    expect(sent).toEqual([])
  })

  it('name keys of one slot only in one command', async () => {
    const batches = open((key) => Number(key.at(-1)) % 2)
    for (const key of keysOf(4)) standing.set(key, key)
    expect(await batches.getAll(keysOf(4))).toEqual(keysOf(4))
    expect(sent).toEqual([
      ['mget', 'key_0', 'key_2'],
      ['mget', 'key_1', 'key_3'],
    ])
  })

  it('tell what is not there from what is no string', async () => {
    standing.set('a', 'one')
    expect(await batch.getAll(['a', 'b'])).toEqual(['one', null])
    standing.set('set', undefined)
    await expect(batch.getAll(['a', 'set', 'b'])).rejects.toMatchObject({ code: 'WRONG_TYPE' })
  })

  it('are asked for one by one where MGET is not allowed', async () => {
    failing.set('mget', new RedisOAuthDatabaseError('PERMISSION_DENIED', 'not this'))
    standing.set('a', 'one')
    expect(await batch.getAll(['a', 'b'])).toEqual(['one', null])
    expect(await batch.getAll(['a', 'b'])).toEqual(['one', null])
    expect(sent.map(([name]) => name)).toEqual(['mget', 'get', 'get', 'get', 'get'])
  })
})
