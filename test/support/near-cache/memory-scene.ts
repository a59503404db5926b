import { beforeEach } from 'vitest'
import { Balance } from '../../../src/cache/balance.js'
import { NearCache, type NearCacheLimits } from '../../../src/cache/near-cache.js'
import type { Shelf, Source } from '../../../src/cache/shelf.js'

/** A near cache without Redis and without a clock, new for each test of the file. It hears of changes from the start. */
export class MemoryScene {
  static readonly MAX_AGE_MS = 1_000

  now!: number
  cache!: NearCache
  shelf!: Shelf<string>
  /** What stands in Redis, by key. */
  redis!: Map<string, string>
  /** The keys that were read from there. */
  reads!: string[]

  constructor() {
    beforeEach(() => {
      this.now = 1_000_000
      this.redis = new Map()
      this.reads = []
      this.open({})
    })
  }

  readonly open = (limits: Partial<NearCacheLimits>, balance = new Balance()): void => {
    const usual = { maxEntries: 100, maxBytes: 1e9, maxAgeMs: MemoryScene.MAX_AGE_MS }
    this.cache = new NearCache({ ...usual, ...limits }, { now: () => this.now }, balance)
    this.shelf = this.cache.shelf(() => undefined)
    this.cache.armed()
  }

  readonly source = (key: string, more: Partial<Source<string>> = {}): Source<string> => ({
    read: async () => {
      this.reads.push(key)
      return this.redis.get(key) ?? null
    },
    expiresAt: () => null,
    bytesOf: ({ length }) => length,
    ...more,
  })

  readonly read = async (
    name: string,
    more: Partial<Source<string>> = {},
  ): Promise<string | null> => {
    const known = this.shelf.get('group', name)
    return known === undefined
      ? this.shelf.read('group', name, `key:${name}`, this.source(`key:${name}`, more))
      : known.value
  }

  /** A read whose answer comes when the test says so. */
  readonly heldRead = (name: string, more: Partial<Source<string>> = {}) => {
    let answer: (value: string | null) => void = () => undefined
    const held = new Promise<string | null>((resolve) => {
      answer = resolve
    })
    return { answer, value: this.read(name, { read: () => held, ...more }) }
  }

  readonly changed = (...names: string[]): boolean =>
    this.cache.changed(names.map((name) => Buffer.from(`key:${name}`)))

  readonly isKept = (name: string): boolean => this.shelf.get('group', name) !== undefined
}
