import { type Clock, systemClock, type UnixMs } from '../clock.js'

export interface NearCacheLimits {
  /** How many records are kept, those that are absent among them; at least 1. */
  readonly maxEntries: number
  /** Milliseconds after which a record is read again, whatever was heard of it; at least 1. */
  readonly maxAgeMs: number
}

/** What is known of one key. */
export interface Entry<V> {
  /** null: there is no such key. */
  readonly value: V | null
  /** When the value ends, by the reader's clock; null where it has no end of its own. */
  readonly expiresAt: UnixMs | null
  /** Called once, after somebody else has changed the key. */
  onChange: (() => void) | undefined
}

/** What is read, and how, when it is not in memory. */
export interface Source<V> {
  read(): Promise<V | null>
  /** When what was read ends: null is never, undefined that it must not be kept. */
  expiresAt(value: V | null): Expiry | Promise<Expiry>
  /** As {@link Entry.onChange}; called as well when the change comes before the read has ended. */
  readonly onChange?: (() => void) | undefined
}

type Expiry = UnixMs | null | undefined

/** A key that is in memory, or is being read. */
interface Slot<V> extends Entry<V> {
  readonly key: string
  readonly group: string
  readonly name: string
  readonly shelf: Shelf<V>
  value: V | null
  expiresAt: UnixMs | null
  /** Others join it. */
  reading: Promise<V | null> | undefined
  readonly readAt: UnixMs
  /** 0: not kept yet. */
  validUntil: UnixMs
  isUsed: boolean
}

/**
 * What Redis holds, in the memory of this process, for as long as Redis says of every change: it is armed by who hears that,
 * and neither gives nor keeps anything while it is not.
 *
 * The one rule of its correctness: a slot is in `#slots` from the moment its read is sent, and whatever may have changed the
 * key takes it out again. So a value is kept only if nothing was heard of its key since before it was asked for.
 */
export class NearCache {
  readonly #limits: NearCacheLimits
  readonly #clock: Pick<Clock, 'now'>
  // biome-ignore lint/suspicious/noExplicitAny: each shelf knows what it holds
  readonly #shelves: Shelf<any>[] = []
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly #slots = new Map<string, Slot<any>>()
  /**
   * Goes round the slots: what was used since it came by last is passed over. Not held while there is room: an iterator that
   * stands keeps every table alive that its map has outgrown since.
   */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  #hand: Iterator<Slot<any>> | undefined
  #isArmed = false

  constructor(limits: NearCacheLimits, clock: Pick<Clock, 'now'> = systemClock) {
    this.#limits = limits
    this.#clock = clock
  }

  get isArmed(): boolean {
    return this.#isArmed
  }

  /** To be called once every change is heard of. */
  armed(): void {
    this.#isArmed = true
  }

  /** To be called as soon as a change may be missed. */
  disarmed(): void {
    this.#isArmed = false
    this.#clear()
  }

  /** To be called with the names of keys that have changed, or null when any may have. */
  changed(keys: readonly Buffer[] | null): void {
    if (keys === null) {
      this.#clear()
      return
    }
    for (const key of keys) {
      const slot = this.#slots.get(key.toString())
      if (slot === undefined) continue
      this.#remove(slot)
      slot.onChange?.()
    }
  }

  /** To be called when this process sends a write, and once more when it is answered. */
  drop(key: string): void {
    const slot = this.#slots.get(key)
    if (slot !== undefined) this.#remove(slot)
  }

  /** @param onFirstRead - called before the first read of the shelf, to hear of its keys from then on */
  shelf<V>(onFirstRead: () => void): Shelf<V> {
    const shelf = new Shelf<V>(this, this.#clock, onFirstRead)
    this.#shelves.push(shelf)
    return shelf
  }

  /** For the shelves: reads, and keeps what was read if nothing is heard of the key meanwhile. */
  read<V>(shelf: Shelf<V>, names: Names, source: Source<V>): Promise<V | null> {
    if (!this.#isArmed) return source.read()
    const { group, name, key } = names
    const standing: Slot<V> | undefined = this.#slots.get(key)
    if (standing?.reading !== undefined) {
      standing.onChange ??= source.onChange
      return standing.reading
    }
    if (standing?.validUntil === 0) return source.read()
    if (standing !== undefined) this.#remove(standing)
    this.#makeRoom()
    const slot: Slot<V> = {
      key,
      group,
      name,
      shelf,
      value: null,
      expiresAt: null,
      onChange: source.onChange,
      reading: undefined,
      readAt: this.#clock.now(),
      validUntil: 0,
      isUsed: false,
    }
    this.#slots.set(key, slot)
    slot.reading = this.#fill(slot, source)
    return slot.reading
  }

  async #fill<V>(slot: Slot<V>, source: Source<V>): Promise<V | null> {
    try {
      slot.value = await source.read()
    } catch (error) {
      this.#abandon(slot)
      throw error
    }
    slot.reading = undefined
    const expiry = this.#isStanding(slot) ? source.expiresAt(slot.value) : undefined
    if (expiry instanceof Promise) {
      // The caller need not wait for it.
      expiry.then(
        (expiresAt) => this.#keep(slot, expiresAt),
        () => this.#abandon(slot),
      )
    } else {
      this.#keep(slot, expiry)
    }
    return slot.value
  }

  #keep<V>(slot: Slot<V>, expiresAt: Expiry): void {
    if (!this.#isStanding(slot)) return
    const oldest = slot.readAt + this.#limits.maxAgeMs
    slot.validUntil = Math.min(oldest, expiresAt ?? oldest)
    if (expiresAt === undefined || slot.validUntil <= this.#clock.now()) {
      this.#abandon(slot)
    } else {
      slot.expiresAt = expiresAt
      slot.shelf.put(slot)
    }
  }

  #isStanding(slot: Slot<unknown>): boolean {
    return this.#slots.get(slot.key) === slot
  }

  #abandon(slot: Slot<unknown>): void {
    if (this.#isStanding(slot)) this.#slots.delete(slot.key)
  }

  #remove(slot: Slot<unknown>): void {
    this.#slots.delete(slot.key)
    slot.shelf.take(slot)
  }

  #makeRoom(): void {
    if (this.#slots.size < this.#limits.maxEntries) this.#hand = undefined
    while (this.#slots.size >= this.#limits.maxEntries) {
      this.#hand ??= this.#slots.values()
      const { value: slot, done } = this.#hand.next()
      if (done) this.#hand = undefined
      else if (slot.isUsed) slot.isUsed = false
      else this.#remove(slot)
    }
  }

  #clear(): void {
    this.#slots.clear()
    for (const shelf of this.#shelves) shelf.clear()
  }
}

/** What a record is called by its readers, and by Redis. */
interface Names {
  readonly group: string
  readonly name: string
  readonly key: string
}

/**
 * Records of one kind, found by the two names that their readers have for them: making Redis' name takes longer. The group
 * should be what fewer records differ in, since each has a map of its own.
 */
export class Shelf<V> {
  readonly #cache: NearCache
  readonly #clock: Pick<Clock, 'now'>
  readonly #groups = new Map<string, Map<string, Slot<V>>>()
  #onFirstRead: (() => void) | undefined

  constructor(cache: NearCache, clock: Pick<Clock, 'now'>, onFirstRead: () => void) {
    this.#cache = cache
    this.#clock = clock
    this.#onFirstRead = onFirstRead
  }

  /** What is in memory; undefined: ask Redis. */
  get(group: string, name: string): Entry<V> | undefined {
    const slot = this.#groups.get(group)?.get(name)
    if (slot === undefined) return undefined
    const now = this.#clock.now()
    // Earlier than it was read: the clock was set back, and says nothing of its age.
    if (now >= slot.validUntil || now < slot.readAt) return undefined
    if (!slot.isUsed) slot.isUsed = true
    return slot
  }

  /** Reads what `get` does not know. Who reads a key that is being read gets the same answer. */
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
