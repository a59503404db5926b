import fc from 'fast-check'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { fingerprint } from '../../../src/flight/fingerprint.js'
import { type FlightOptions, Flights } from '../../../src/flight/single-flight.js'
import { DEFAULTS } from '../../../src/leaves/defaults.js'
import { holdTime } from '../../support/held-time.js'
import { MemoryStore } from '../../support/oauth/memory-store.js'

/** A piece of work whose result stays where `recheck` finds it, as a refresh leaves its record. */
class Job {
  result: string | undefined
  runs = 0
  atWork = 0
  mostAtWork = 0

  readonly recheck = async () => this.result

  async work(task: () => Promise<string>): Promise<string> {
    this.runs++
    this.atWork++
    this.mostAtWork = Math.max(this.mostAtWork, this.atWork)
    try {
      this.result = await task()
      return this.result
    } finally {
      this.atWork--
    }
  }
}

function deferred<T>() {
  let resolve: (value: T) => void = () => undefined
  let reject: (error: Error) => void = () => undefined
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}

const never = () => new Promise<never>(() => undefined)

let store: MemoryStore
let job: Job

beforeEach(() => {
  store = new MemoryStore()
  job = new Job()
})

describe('with time held', () => {
  holdTime()

  test('does the work once for callers of one process and of others', async () => {
    const task = deferred<string>()
    const processes = [new Flights(store), new Flights(store), new Flights(store)]
    const calls = [...processes, ...processes, ...processes].map((flights) =>
      flights.run('name', () => job.work(() => task.promise), { recheck: job.recheck }),
    )
    await vi.advanceTimersByTimeAsync(20_000)
    task.resolve('done')
    expect(await Promise.all(calls)).toEqual(Array(9).fill('done'))
    expect(job.runs).toBe(1)
  })

  test('callers of one process share one lease and no subscription', async () => {
    const flights = new Flights(store)
    const calls = [1, 2, 3].map(() => flights.run('name', () => job.work(async () => 'done'), job))
    await Promise.all(calls)
    expect(store.calls).toEqual(['acquire', 'release'])
  })

  test('wakes a waiter by the release, without the help of time', async () => {
    const task = deferred<string>()
    const first = new Flights(store).run('name', () => job.work(() => task.promise), job)
    const second = new Flights(store).run('name', () => job.work(never), job)
    await vi.advanceTimersByTimeAsync(100)
    task.resolve('done')
    await vi.advanceTimersByTimeAsync(0)
    expect(await Promise.all([first, second])).toEqual(['done', 'done'])
  })

  test.each([
    ['fails', 'failing'],
    ['hangs', 'hanging'],
  ])('finds the result by polling when the subscription %s', async (_, how) => {
    if (how === 'failing') store.failing = (call) => call === 'watch'
    else store.step = (call) => (call === 'watch' ? never() : undefined)
    const task = deferred<string>()
    const first = new Flights(store).run('name', () => job.work(() => task.promise), job)
    const second = new Flights(store).run('name', () => job.work(never), job)
    await vi.advanceTimersByTimeAsync(1_000)
    task.resolve('done')
    await vi.advanceTimersByTimeAsync(320)
    expect(await Promise.all([first, second])).toEqual(['done', 'done'])
  })

  test('outlasts a dead holder by the lease and one look', async () => {
    const until = performance.now() + DEFAULTS.flight.leaseMs
    store.leases.set(fingerprint('name'), { owner: 'dead', until })
    const waiter = new Flights(store).run('name', () => job.work(async () => 'done'), job)
    await vi.advanceTimersByTimeAsync(DEFAULTS.flight.leaseMs - 1)
    expect(job.runs).toBe(0)
    await vi.advanceTimersByTimeAsync(320)
    expect(await waiter).toBe('done')
  })

  test("keeps a holder's failure to itself: the next waiter works", async () => {
    const task = deferred<string>()
    const first = new Flights(store).run('name', () => job.work(() => task.promise), job)
    const flights = new Flights(store)
    const others = [1, 2].map(() =>
      flights.run('name', () => job.work(async () => 'second attempt'), job),
    )
    await vi.advanceTimersByTimeAsync(10)
    task.reject(new Error('503'))
    await expect(first).rejects.toThrow('503')
    await vi.advanceTimersByTimeAsync(0)
    expect(await Promise.all(others)).toEqual(['second attempt', 'second attempt'])
    expect(job.runs).toBe(2)
  })

  test('gives up after waitMs with a TIMEOUT, in the same process and in others', async () => {
    const flights = new Flights(store)
    const holder = flights.run('name', never, { ...job, maxHoldMs: 100_000 })
    const options = { ...job, waitMs: 1_000 }
    const waiters = [flights, new Flights(store)].map((process) =>
      process.run('name', () => job.work(async () => 'never'), options),
    )
    const outcomes = Promise.allSettled(waiters)
    await vi.advanceTimersByTimeAsync(1_000)
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'TIMEOUT' } })
    }
    expect(job.runs).toBe(0)
    holder.catch(() => undefined)
  })

  test('takes the result that came in the last moment of waiting', async () => {
    const holder = new Flights(store).run('name', never, job)
    const waiter = new Flights(store).run('name', never, { ...job, waitMs: 1_000 })
    await vi.advanceTimersByTimeAsync(999)
    job.result = 'just in time'
    await vi.advanceTimersByTimeAsync(1)
    expect(await waiter).toBe('just in time')
    holder.catch(() => undefined)
  })

  test('aborts the signal of work whose lease is lost, and gives its result all the same', async () => {
    const task = deferred<string>()
    let signal: AbortSignal | undefined
    const run = new Flights(store).run(
      'name',
      (given) => {
        signal = given
        return task.promise
      },
      job,
    )
    await vi.advanceTimersByTimeAsync(0)
    store.failing = (call) => call === 'renew'
    expect(signal?.aborted).toBe(false)
    await vi.advanceTimersByTimeAsync(DEFAULTS.flight.leaseMs)
    expect(signal?.aborted).toBe(true)
    task.resolve('late')
    expect(await run).toBe('late')
  })

  test('leaves neither lease nor watcher nor timer behind', async () => {
    const ways: Array<() => Promise<string>> = [
      async () => 'done',
      async () => {
        throw new Error('failed')
      },
    ]
    for (const way of ways) {
      const calls = [1, 2, 3].map(() =>
        new Flights(store).run('name', way, { recheck: async () => undefined }),
      )
      const settled = Promise.allSettled(calls)
      await vi.advanceTimersByTimeAsync(2_000)
      await settled
      expect([store.heldLeases, store.watchers, vi.getTimerCount()]).toEqual([0, 0, 0])
    }
  })
})

test('does no work when the result is there already', async () => {
  job.result = 'there'
  expect(await new Flights(store).run('name', never, job)).toBe('there')
  expect(store.heldLeases).toBe(0)
})

test('gives the lease back when the last look fails', async () => {
  const recheck = async () => {
    throw new Error('unreadable')
  }
  await expect(new Flights(store).run('name', never, { recheck })).rejects.toThrow('unreadable')
  expect(store.heldLeases).toBe(0)
})

test('rejects with the error of a store that is away', async () => {
  store.failing = () => true
  const run = new Flights(store).run('name', () => job.work(async () => 'done'), job)
  await expect(run).rejects.toMatchObject({ code: 'CONNECTION_LOST' })
  expect(job.runs).toBe(0)
})

test("works without a lease when the store is away and the caller says 'proceed'", async () => {
  store.failing = () => true
  const run = new Flights(store).run('name', async () => 'done', {
    recheck: () => store.read({ userId: '', url: '' }).then(() => undefined),
    whenStoreFails: 'proceed',
  })
  expect(await run).toBe('done')
})

test("passes the work's own error on, also with 'proceed'", async () => {
  let runs = 0
  const work = async () => {
    runs++
    throw new Error('work failed')
  }
  const options = { recheck: job.recheck, whenStoreFails: 'proceed' } as const
  await expect(new Flights(store).run('name', work, options)).rejects.toThrow('work failed')
  expect(runs).toBe(1)
})

test('hands the store a digest, never the name', async () => {
  await new Flights(store).run('name with a secret', async () => 'done', job)
  expect([...store.names]).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/)])
})

test.each<[string, string, Partial<Record<keyof FlightOptions<string>, unknown>>]>([
  ['name', '', {}],
  ['recheck', 'name', { recheck: undefined }],
  ['leaseMs', 'name', { leaseMs: 0 }],
  ['leaseMs', 'name', { leaseMs: 1.5 }],
  ['waitMs', 'name', { waitMs: -1 }],
  ['waitMs', 'name', { waitMs: Number.POSITIVE_INFINITY }],
  ['maxHoldMs', 'name', { leaseMs: 1_000, maxHoldMs: 999 }],
  ['whenStoreFails', 'name', { whenStoreFails: 'hope' }],
])('refuses a wrong %s by its name', async (option, name, wrong) => {
  const options = { recheck: job.recheck, ...wrong } as FlightOptions<string>
  const run = new Flights(store).run(name, async () => 'done', options)
  await expect(run).rejects.toThrow(TypeError)
  await expect(run).rejects.toThrow(option)
})

test('a lease longer than the longest hold by default raises the hold', async () => {
  const options = { recheck: job.recheck, leaseMs: 120_000 }
  expect(await new Flights(store).run('name', async () => 'done', options)).toBe('done')
})

test('in any order of steps, at most one works at a time, and none after a success', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(fc.record({ process: fc.nat(2), fails: fc.boolean() }), {
        minLength: 1,
        maxLength: 8,
      }),
      async (scheduler, callers) => {
        const shared = new MemoryStore()
        shared.step = (call) => scheduler.schedule(Promise.resolve(), call)
        const world = new Job()
        const recheck = async () => {
          await scheduler.schedule(Promise.resolve(), 'recheck')
          return world.result
        }
        const processes = [0, 1, 2].map(() => new Flights(shared))
        const calls = callers.map(({ process, fails }) =>
          (processes[process] as Flights)
            .run(
              'name',
              () =>
                world.work(async () => {
                  await scheduler.schedule(Promise.resolve(), 'work')
                  if (fails) throw new Error('failed')
                  return 'done'
                }),
              { recheck },
            )
            .catch(() => 'failed'),
        )
        const results = await scheduler.waitFor(Promise.all(calls))
        expect(world.mostAtWork).toBe(1)
        const failures = results.filter((result) => result === 'failed').length
        expect(world.runs).toBe(failures + (failures < results.length ? 1 : 0))
        await scheduler.waitFor(new Promise((resolve) => setImmediate(resolve)))
        expect([shared.heldLeases, shared.watchers]).toEqual([0, 0])
      },
    ),
  )
})
