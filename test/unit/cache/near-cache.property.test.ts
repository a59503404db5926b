import fc, { type Scheduler } from 'fast-check'
import { expect, it } from 'vitest'
import { Balance } from '../../../src/cache/balance.js'
import { NearCache } from '../../../src/cache/near-cache.js'
import type { Shelf } from '../../../src/cache/shelf.js'

type Key = 'a' | 'b'
const KEYS: readonly Key[] = ['a', 'b']

/**
 * A server whose keys hold ever higher numbers, the connections to it, and a reader with a cache. Whatever travels is put
 * in the hands of the scheduler; only what is told on one connection keeps its order.
 */
class World {
  readonly #scheduler: Scheduler
  readonly #cache = new NearCache(
    { maxEntries: 2, maxBytes: 1e9, maxAgeMs: 1_000 },
    { now: () => 0 },
    new Balance(2),
  )
  readonly #shelf: Shelf<number> = this.#cache.shelf(() => undefined)
  readonly #standing = new Map<Key, number>()
  /** What a read that begins now must at least see. */
  readonly #floor = new Map<Key, number>()
  #last = 0
  /** The subscription: what the server tells goes to the present one; what was told to an older one is lost. */
  #subscription = 0
  #isHeard = false
  #isArmed = false
  #told: Promise<unknown> = Promise.resolve()
  reads = 0
  hits = 0
  rests = 0

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler
  }

  async read(key: Key, expiry: 'none' | 'late' | 'unknown'): Promise<void> {
    // While nothing is heard, the server is asked.
    const floor = (this.#isArmed ? this.#floor : this.#standing).get(key) ?? 0
    const known = this.#shelf.get('', key)
    this.reads += 1
    if (known !== undefined) this.hits += 1
    const value = known
      ? known.value
      : await this.#shelf.read('', key, key, {
          read: async () => {
            await this.#travel(`read ${key}`)
            const found = this.#standing.get(key) ?? null
            await this.#travel(`answer ${key}=${found}`)
            return found
          },
          bytesOf: () => 8,
          expiresAt: (found) =>
            expiry === 'none'
              ? null
              : this.#travel(`expiry of ${key}=${found}`).then(() =>
                  expiry === 'late' ? 1_000 : undefined,
                ),
        })
    expect(value ?? 0).toBeGreaterThanOrEqual(floor)
  }

  /** By another process. */
  async write(key: Key): Promise<void> {
    await this.#travel(`write ${key}`)
    this.#put(key)
  }

  /** By the reader's own process. */
  async writeOwn(key: Key): Promise<void> {
    this.#cache.drop(key)
    await this.#travel(`own write ${key}`)
    const written = this.#put(key)
    await this.#travel(`acknowledged ${key}=${written}`)
    this.#cache.drop(key)
    this.#raise(key, written)
  }

  async subscribe(): Promise<void> {
    if (this.#cache.isResting) this.#forget()
    else this.lose()
    const mine = this.#subscription
    await this.#travel('subscribe')
    if (mine !== this.#subscription) return
    this.#isHeard = true
    // Confirmed in the order of what is told.
    this.#tell('subscribed', () => {
      this.#cache.armed()
      this.#isArmed = true
      for (const key of KEYS) this.#raise(key, this.#standing.get(key) ?? 0)
    })
  }

  lose(): void {
    this.#forget()
    this.#cache.disarmed()
  }

  #forget(): void {
    this.#subscription += 1
    this.#isHeard = false
    this.#isArmed = false
  }

  /** Time for some of what travels to arrive. */
  async rest(): Promise<void> {
    for (let i = 0; i < 6; i += 1) await this.#travel('a while')
  }

  async flush(): Promise<void> {
    await this.#travel('a change of all keys')
    const written = KEYS.map((key) => [key, this.#next(key)] as const)
    if (!this.#isHeard) return
    this.#tell('any', () => {
      this.#cache.changed(null)
      for (const [key, value] of written) this.#raise(key, value)
    })
  }

  #next(key: Key): number {
    this.#last += 1
    this.#standing.set(key, this.#last)
    return this.#last
  }

  #put(key: Key): number {
    const written = this.#next(key)
    if (this.#isHeard) {
      this.#tell(`changed ${key}=${written}`, () => {
        if (!this.#cache.changed([Buffer.from(key)])) {
          this.rests += 1
          this.#forget()
        }
        this.#raise(key, written)
      })
    }
    return written
  }

  #tell(what: string, hear: () => void): void {
    const mine = this.#subscription
    this.#told = this.#told
      .then(() => this.#travel(what))
      .then(() => {
        if (mine === this.#subscription) hear()
      })
  }

  #raise(key: Key, least: number): void {
    this.#floor.set(key, Math.max(this.#floor.get(key) ?? 0, least))
  }

  #travel(what: string): Promise<unknown> {
    return this.#scheduler.schedule(Promise.resolve(), what)
  }
}

const key = fc.constantFrom(...KEYS)
const step = fc.oneof(
  {
    weight: 16,
    arbitrary: fc.tuple(
      fc.constant('read' as const),
      key,
      fc.constantFrom('none' as const, 'late' as const, 'unknown' as const),
    ),
  },
  { weight: 3, arbitrary: fc.tuple(fc.constantFrom('write' as const, 'writeOwn' as const), key) },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom('subscribe' as const, 'flush' as const)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('lose' as const)) },
  { weight: 6, arbitrary: fc.tuple(fc.constant('rest' as const)) },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

async function act(world: World, one: Step): Promise<void> {
  if (one[0] === 'read') await world.read(one[1], one[2])
  else if (one[0] === 'write' || one[0] === 'writeOwn') await world[one[0]](one[1])
  else await world[one[0]]()
}

it('never gives a value older than the last change that was heard of, or that this process made, before the read began', async () => {
  let hits = 0
  let reads = 0
  let rests = 0
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(step, { minLength: 20, maxLength: 50 }),
      async (scheduler, steps) => {
        const world = new World(scheduler)
        const acting: Promise<void>[] = [world.subscribe()]
        await scheduler.waitAll()
        // Each step begins when the scheduler says so, in the order of the list, with what travels in between.
        const { task } = scheduler.scheduleSequence(
          steps.map((one) => ({
            label: one.join(' '),
            builder: async () => {
              acting.push(Promise.resolve(act(world, one)))
            },
          })),
        )
        await scheduler.waitFor(task)
        await scheduler.waitAll()
        await Promise.all(acting)
        hits += world.hits
        reads += world.reads
        rests += world.rests
      },
    ),
    { numRuns: 1_000 },
  )
  // A cache that keeps nothing would pass as well.
  expect(hits / reads).toBeGreaterThan(0.1)
  expect(rests).toBeGreaterThan(100)
}, 60_000)
