import type { Clock, UnixMs } from '../leaves/clock.js'
import { publishCacheRead } from '../leaves/diagnostics.js'

/** What is known of one key. */
export interface Entry<V> {
  /** null if there is no such key. */
  readonly value: V | null
  /** When the value expires, by the reader's clock; null if it does not. */
  readonly expiresAt: UnixMs | null
}

/** How to read a record that is not in memory. */
export interface Source<V> {
  read(): Promise<V | null>
  /** When the value expires; null: never; undefined: it must not be kept. */
  expiresAt(value: V | null): Expiry | Promise<Expiry>
  /** Whether both were read of the same text; by default, whether they are one. Asked where `expiresAt` gives a promise. */
  isSame?(one: V, other: V): boolean
  /** What a value takes in memory. */
  bytesOf(value: V): number
}

export type Expiry = UnixMs | null | undefined

/** A key that is in memory or is being read. */
export interface Slot<V> extends Entry<V> {
  readonly key: string
  readonly group: string
  readonly name: string
  readonly shelf: Shelf<V>
  value: V | null
  expiresAt: UnixMs | null
  /** The read in progress, which later readers share. */
  reading: Promise<V | null> | undefined
  readonly readAt: UnixMs
  /** 0: not kept yet. */
  validUntil: UnixMs
  isUsed: boolean
  /** 0: not kept yet. */
  bytes: number
}

/** The names of a record: two for its readers, one in Redis. */
export interface Names {
  readonly group: string
  readonly name: string
  readonly key: string
}

/** The cache, as a shelf needs it. */
interface Reader {
  readonly isResting: boolean
  hit(): void
  read<V>(shelf: Shelf<V>, names: Names, source: Source<V>): Promise<V | null>
}

/**
 * Cached records of one kind, found by the two names that their readers know: making the Redis key would take longer. The group
 * should be the name with fewer different values, since each has a map of its own.
 */
export class Shelf<V> {
  readonly #cache: Reader
  readonly #clock: Pick<Clock, 'now'>
  readonly #groups = new Map<string, Map<string, Slot<V>>>()
  #onFirstRead: (() => void) | undefined

  constructor(cache: Reader, clock: Pick<Clock, 'now'>, onFirstRead: () => void) {
    this.#cache = cache
    this.#clock = clock
    this.#onFirstRead = onFirstRead
  }

  /** Whether `read` only asks Redis. */
  get isResting(): boolean {
    return this.#cache.isResting
  }

  /** The record in memory, for a caller who reads it; undefined if Redis has to be asked. */
  get(group: string, name: string): Entry<V> | undefined {
    if (this.#cache.isResting) return undefined
    const entry = this.peek(group, name)
    if (entry !== undefined) this.#cache.hit()
    publishCacheRead(entry !== undefined)
    return entry
  }

  /** As `get`, for who reads nothing. */
  peek(group: string, name: string): Entry<V> | undefined {
    const slot = this.#groups.get(group)?.get(name)
    if (slot === undefined) return undefined
    const now = this.#clock.now()
    // Earlier than it was read: the clock was set back, so the age is unknown.
    if (now >= slot.validUntil || now < slot.readAt) return undefined
    if (!slot.isUsed) slot.isUsed = true
    return slot
  }

  /** Reads what `get` does not have. Concurrent reads of a key share one answer. */
  read(group: string, name: string, key: string, source: Source<V>): Promise<V | null> {
    this.#onFirstRead?.()
    this.#onFirstRead = undefined
    return this.#cache.read(this, { group, name, key }, source)
  }

  /** For the cache. */
  put(slot: Slot<V>): void {
    const names = this.#groups.get(slot.group)
    if (names === undefined) this.#groups.set(slot.group, new Map([[slot.name, slot]]))
    else names.set(slot.name, slot)
  }

  /** For the cache. */
  take(slot: Slot<unknown>): void {
    const names = this.#groups.get(slot.group)
    if (names?.get(slot.name) !== slot) return
    names.delete(slot.name)
    if (names.size === 0) this.#groups.delete(slot.group)
  }

  /** For the cache. */
  clear(): void {
    this.#groups.clear()
  }
}

/** Two bytes for each character: a string with one character beyond Latin-1 takes that. */
export function bytesOfText(text: string): number {
  return 2 * text.length
}
