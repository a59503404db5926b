import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RedisOAuthDatabaseError } from '../../../../src/leaves/errors.js'
import {
  importTokens,
  StoreTokensError,
  type StoreTokensProgress,
  type TokenEntry,
} from '../../../../src/store/bulk/token-import.js'
import { eventually } from '../../../support/eventually.js'

const MAX_IN_FLIGHT = 400

function entry(i: number): TokenEntry {
  return { key: `k${i}`, token: `t${i}` }
}

function entries(count: number): TokenEntry[] {
  return Array.from({ length: count }, (_, i) => entry(i))
}

async function* arriving(list: Iterable<TokenEntry>): AsyncGenerator<TokenEntry> {
  for (const one of list) {
    await nextTurn()
    yield one
  }
}

/** A store that answers in a later turn, as Redis does, and fails for the keys of `failing`. */
function createStore(failing: Record<string, Error> = {}) {
  const store = {
    stored: [] as string[],
    inFlight: 0,
    maxInFlight: 0,
    async save({ key }: TokenEntry): Promise<void> {
      store.inFlight += 1
      store.maxInFlight = Math.max(store.maxInFlight, store.inFlight)
      await nextTurn()
      store.inFlight -= 1
      const error = failing[key]
      if (error !== undefined) throw error
      store.stored.push(key)
    },
  }
  return store
}

function outOfMemory(): Error {
  return new RedisOAuthDatabaseError('OUT_OF_MEMORY', 'SET failed: no memory')
}

async function failureOf(work: Promise<unknown>): Promise<StoreTokensError> {
  const error = await work.then(
    () => new Error('it succeeded'),
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(StoreTokensError)
  expect(error).toBeInstanceOf(RedisOAuthDatabaseError)
  return error as StoreTokensError
}

describe('an import of tokens', () => {
  it.each([
    ['an array', entries(1_234)],
    ['a set', new Set(entries(1_234))],
    ['an async generator', arriving(entries(1_234))],
  ])('stores every entry of %s, in order, and says how many', async (_name, source) => {
    const store = createStore()
    expect(await importTokens(source, store.save)).toEqual({ stored: 1_234 })
    expect(store.stored).toEqual(entries(1_234).map(({ key }) => key))
  })

  it('of nothing stores nothing', async () => {
    expect(await importTokens([], createStore().save)).toEqual({ stored: 0 })
  })

  it('has at most 400 entries on their way, however large and fast the source', async () => {
    const store = createStore()
    let taken = 0
    let maxAhead = 0
    function* endless(): Generator<TokenEntry> {
      while (taken < 20_000) {
        yield entry(taken)
        taken += 1
        maxAhead = Math.max(maxAhead, taken - store.stored.length)
      }
    }
    expect(await importTokens(endless(), store.save)).toEqual({ stored: 20_000 })
    expect(store.maxInFlight).toBe(MAX_IN_FLIGHT)
    expect(maxAhead).toBeLessThanOrEqual(MAX_IN_FLIGHT)
  })

  it('takes nothing more from its source after the first failure', async () => {
    const store = createStore({ k1000: outOfMemory() })
    let isEnded = false
    let taken = 0
    function* source(): Generator<TokenEntry> {
      try {
        for (; ; taken += 1) yield entry(taken)
      } finally {
        isEnded = true
      }
    }
    const error = await failureOf(importTokens(source(), store.save))
    expect(isEnded).toBe(true)
    expect(taken).toBeLessThan(1_001 + MAX_IN_FLIGHT)
    expect(error.attempted).toBe(taken + 1)
  })
})

describe('progress', () => {
  it('is told about every 1000 entries and at the end', async () => {
    const told: StoreTokensProgress[] = []
    const onProgress = (progress: StoreTokensProgress) => told.push(progress)
    await importTokens(entries(2_500), createStore().save, { onProgress })
    expect(told.map(({ attempted }) => attempted)).toEqual([1_000, 2_000, 2_500])
    expect(told.at(-1)).toEqual({ attempted: 2_500, stored: 2_500 })
    for (const { attempted, stored } of told) {
      expect(stored).toBeLessThanOrEqual(attempted)
      expect(stored).toBeGreaterThanOrEqual(attempted - MAX_IN_FLIGHT)
    }
  })

  it.each([500, 1_500])(
    'that throws ends the import of %i entries, with the cause',
    async (count) => {
      const cause = new Error('the terminal is gone')
      const onProgress = () => {
        throw cause
      }
      const error = await failureOf(
        importTokens(entries(count), createStore().save, { onProgress }),
      )
      expect(error).toMatchObject({ code: 'SOURCE_FAILED', cause, failures: [] })
      expect(error.stored).toBe(error.attempted)
    },
  )
})

describe('a failure', () => {
  it('says exactly which entry failed and how many are stored', async () => {
    const store = createStore({ k3: outOfMemory() })
    const error = await failureOf(importTokens(entries(10), store.save))
    expect(error).toMatchObject({ name: 'StoreTokensError', code: 'OUT_OF_MEMORY', stored: 9 })
    expect(error.attempted).toBe(10)
    expect(error.failures).toEqual([
      {
        index: 3,
        key: 'k3',
        code: 'OUT_OF_MEMORY',
        message: 'entries[3]: SET failed: no memory',
      },
    ])
    expect(error.message).toBe('entries[3]: SET failed: no memory')
  })

  it('accounts for every entry that was taken: stored, or listed with its index', async () => {
    const failing = fc.uniqueArray(fc.nat(1_500), { minLength: 1, maxLength: 10 })
    await fc.assert(
      fc.asyncProperty(failing, fc.boolean(), async (indices, isAsync) => {
        const store = createStore(
          Object.fromEntries(indices.map((index) => [`k${index}`, outOfMemory()])),
        )
        const list = entries(1_501)
        const source = isAsync ? arriving(list) : list
        const { attempted, stored, failures } = await failureOf(importTokens(source, store.save))
        const expected = indices.filter((index) => index < attempted).sort((a, b) => a - b)
        expect(failures.map(({ index }) => index)).toEqual(expected)
        expect(stored).toBe(attempted - failures.length)
        expect(new Set(store.stored)).toEqual(
          new Set(
            list
              .slice(0, attempted)
              .filter((_, index) => !expected.includes(index))
              .map(({ key }) => key),
          ),
        )
      }),
      { numRuns: 20 },
    )
  })

  it.each([null, undefined, 7, 'user_123'])(
    'in an entry that is %s is INVALID_ENTRY',
    async (bad) => {
      for (const toSource of [(list: TokenEntry[]) => list, arriving]) {
        const list = [entry(0), bad as unknown as TokenEntry, entry(2)]
        const error = await failureOf(importTokens(toSource(list), createStore().save))
        expect(error).toMatchObject({ code: 'INVALID_ENTRY', stored: 1 })
        expect(error.failures).toMatchObject([{ index: 1, key: undefined, code: 'INVALID_ENTRY' }])
        expect(error.message).toBe('entries[1]: it must be an object')
      }
    },
  )

  it('of an argument check is INVALID_ENTRY, with what was wrong', async () => {
    const store = createStore({ k1: new TypeError('token must not be empty') })
    const error = await failureOf(importTokens(entries(2), store.save))
    expect(error).toMatchObject({
      code: 'INVALID_ENTRY',
      message: 'entries[1]: token must not be empty',
    })
  })

  it('of the source comes after what was taken is stored, with the cause', async () => {
    const cause = new Error('the old system is gone')
    async function* breaking(): AsyncGenerator<TokenEntry> {
      yield* entries(5)
      throw cause
    }
    const error = await failureOf(importTokens(breaking(), createStore().save))
    expect(error).toMatchObject({ code: 'SOURCE_FAILED', attempted: 5, stored: 5, failures: [] })
    expect(error.cause).toBe(cause)
  })

  it('shows no token', async () => {
    const store = createStore({ k1: outOfMemory() })
    const error = await failureOf(importTokens(entries(2), store.save))
    expect(JSON.stringify([error, error.failures, error.message, error.stack])).not.toContain('t1')
  })
})

describe('an AbortSignal', () => {
  it('that is aborted already lets nothing be stored', async () => {
    for (const source of [entries(5), arriving(entries(5))]) {
      const store = createStore()
      const { signal } = abortedController()
      const error = await failureOf(importTokens(source, store.save, { signal }))
      expect(error).toMatchObject({ code: 'ABORTED', attempted: 0, stored: 0, failures: [] })
      expect(store.stored).toEqual([])
    }
  })

  it('ends the import between two entries; what was sent is waited for and counted', async () => {
    for (const toSource of [(list: TokenEntry[]) => list, arriving]) {
      const controller = new AbortController()
      const store = createStore()
      const save = (one: TokenEntry) => {
        if (one.key === 'k700') controller.abort()
        return store.save(one)
      }
      const { signal } = controller
      const error = await failureOf(importTokens(toSource(entries(5_000)), save, { signal }))
      expect(error).toMatchObject({ code: 'ABORTED', failures: [] })
      expect(error.stored).toBe(error.attempted)
      expect(error.stored).toBe(store.stored.length)
      expect(error.attempted).toBe(701)
    }
  })

  it('ends the wait for a source that hangs', async () => {
    const controller = new AbortController()
    let isAsked = () => {}
    const asked = new Promise<void>((resolve) => {
      isAsked = resolve
    })
    async function* hanging(): AsyncGenerator<TokenEntry> {
      yield* entries(3)
      isAsked()
      await new Promise(() => {})
    }
    const { signal } = controller
    const work = failureOf(importTokens(hanging(), createStore().save, { signal }))
    await asked
    controller.abort()
    expect(await work).toMatchObject({ code: 'ABORTED', attempted: 3, stored: 3 })
  })

  it('that aborts lets a source clean up', async () => {
    const controller = new AbortController()
    let isCleanedUp = false
    async function* source(): AsyncGenerator<TokenEntry> {
      try {
        for (let i = 0; ; i += 1) {
          await nextTurn()
          if (i === 50) controller.abort()
          yield entry(i)
        }
      } finally {
        isCleanedUp = true
      }
    }
    const { signal } = controller
    await failureOf(importTokens(source(), createStore().save, { signal }))
    await eventually(() => isCleanedUp)
  })

  it('that never aborts leaves no listener behind', async () => {
    const { signal } = new AbortController()
    const listeners = new Set<unknown>()
    const { addEventListener, removeEventListener } = signal
    signal.addEventListener = (type: string, listener: unknown, options?: unknown) => {
      listeners.add(listener)
      addEventListener.call(signal, type, listener as never, options as never)
    }
    signal.removeEventListener = (type: string, listener: unknown) => {
      listeners.delete(listener)
      removeEventListener.call(signal, type, listener as never)
    }
    await importTokens(arriving(entries(5)), createStore().save, { signal })
    expect(listeners.size).toBe(0)
  })
})

function abortedController(): AbortController {
  const controller = new AbortController()
  controller.abort()
  return controller
}
