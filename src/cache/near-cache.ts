import { type Clock, systemClock } from '../leaves/clock.js'
import { publishCache } from '../leaves/diagnostics.js'
import { Balance } from './balance.js'
import { bytesOfText, type Expiry, type Names, Shelf, type Slot, type Source } from './shelf.js'

export interface NearCacheLimits {
  /** How many records are kept, absent ones included; at least 1. */
  readonly maxEntries: number
  /** Memory for all records together, overhead included; at least 1. */
  readonly maxBytes: number
  /** Milliseconds after which a record is read again, changed or not; at least 1. */
  readonly maxAgeMs: number
}

/** The overhead of a record, without its value and names. Measured: 270 to 560. */
const SLOT_BYTES = 512

/**
 * Keeps what was read from Redis in the memory of this process, as long as Redis reports every change. Whoever receives those
 * reports arms the cache. While it is not armed, it neither returns nor keeps anything. While it costs more than it spares, it rests.
 *
 * One rule makes it correct: a slot is in `#slots` from the moment its read is sent, and anything that may have changed the key
 * removes it. So a value is kept only if no change of its key was reported since before it was requested.
 */
export class NearCache {
  readonly #limits: NearCacheLimits
  readonly #clock: Pick<Clock, 'now'>
  readonly #balance: Balance
  // biome-ignore lint/suspicious/noExplicitAny: each shelf knows what it holds
  readonly #shelves: Shelf<any>[] = []
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly #slots = new Map<string, Slot<any>>()
  /**
   * The hand of the CLOCK algorithm: it goes round the slots and passes over those used since its last visit. It is dropped
   * while there is room, because an idle iterator keeps alive every table that its map has outgrown. A `RecentMap` would not do: it
   * drops the entry that was set longest ago, however often it is read.
   */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  #hand: Iterator<Slot<any>> | undefined
  #state: 'off' | 'armed' | 'resting' = 'off'
  /** Since when records are read and none can be kept, by `performance.now()`. */
  #disarmedAtMs: number | undefined
  #disarmedMs = 0
  #bytes = 0

  constructor(
    limits: NearCacheLimits,
    clock: Pick<Clock, 'now'> = systemClock,
    balance: Balance = new Balance(),
  ) {
    this.#limits = limits
    this.#clock = clock
    this.#balance = balance
  }

  /** Whether it keeps nothing at present because that would cost more than it spares. */
  get isResting(): boolean {
    return this.#state === 'resting'
  }

  /** Memory of all records together, as counted against `maxBytes`. */
  get bytes(): number {
    return this.#bytes
  }

  /** For how long, since the first read, nothing could be kept; rests are not among it. Milliseconds. */
  get disarmedMs(): number {
    const sinceMs = this.#disarmedAtMs
    return this.#disarmedMs + (sinceMs === undefined ? 0 : performance.now() - sinceMs)
  }

  /** To be called once every change will be reported. */
  armed(): void {
    this.#state = 'armed'
    this.#disarmedMs = this.disarmedMs
    this.#disarmedAtMs = undefined
    publishCache('armed')
  }

  /** To be called as soon as a change may be missed. */
  disarmed(): void {
    if (this.#state === 'off') return
    this.#state = 'off'
    this.#disarmedAtMs = performance.now()
    this.#clear()
    publishCache('disarmed')
  }

  /**
   * To be called with the keys that have changed, or null if any may have.
   * @returns false if nothing more need be reported until it is armed again: it rests
   */
  changed(keys: readonly Buffer[] | null): boolean {
    if (this.#state !== 'armed') return true
    if (keys === null) {
      const dropped = this.#slots.size
      this.#clear()
      publishCache('invalidated', dropped)
      return true
    }
    let dropped = 0
    for (const key of keys) {
      const slot = this.#slots.get(key.toString())
      if (slot === undefined) continue
      dropped += 1
      this.#remove(slot)
    }
    if (dropped > 0) publishCache('invalidated', dropped)
    this.#balance.heard(keys.length)
    if (!this.#balance.isLoss()) return true
    this.#state = 'resting'
    this.#clear()
    publishCache('rested')
    return false
  }

  /** To be called when this process sends a write, and again when it is answered. */
  drop(key: string): void {
    const slot = this.#slots.get(key)
    if (slot !== undefined) this.#remove(slot)
  }

  /** @param onFirstRead - called before the first read of the shelf, to have changes of its keys reported from then on */
  shelf<V>(onFirstRead: () => void): Shelf<V> {
    const shelf = new Shelf<V>(this, this.#clock, () => {
      if (this.#state === 'off') this.#disarmedAtMs ??= performance.now()
      onFirstRead()
    })
    this.#shelves.push(shelf)
    return shelf
  }

  /** For the shelves: a read found its record in memory. */
  hit(): void {
    this.#balance.hit()
  }

  /** For the shelves: reads, and keeps what was read if no change of the key is reported meanwhile. */
  read<V>(shelf: Shelf<V>, names: Names, source: Source<V>): Promise<V | null> {
    if (this.#state !== 'armed') return source.read()
    const { group, name, key } = names
    const standing: Slot<V> | undefined = this.#slots.get(key)
    if (standing?.reading !== undefined) return standing.reading
    if (standing?.validUntil === 0) {
      // Its expiry is on the way. Those who come meanwhile share a read that begins now.
      standing.reading = this.#readBeside(standing, source)
      return standing.reading
    }
    if (standing !== undefined) this.#remove(standing)
    while (this.#slots.size >= this.#limits.maxEntries) this.#evict()
    const slot: Slot<V> = {
      key,
      group,
      name,
      shelf,
      value: null,
      expiresAt: null,
      reading: undefined,
      readAt: this.#clock.now(),
      validUntil: 0,
      isUsed: false,
      bytes: 0,
    }
    this.#slots.set(key, slot)
    this.#balance.filled()
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
      // The caller does not wait for it.
      expiry.then(
        (expiresAt) => this.#keep(slot, expiresAt, source),
        () => this.#abandon(slot),
      )
    } else {
      this.#keep(slot, expiry, source)
    }
    return slot.value
  }

  async #readBeside<V>(slot: Slot<V>, source: Source<V>): Promise<V | null> {
    try {
      const value = await source.read()
      // Who reads after this caller would get what is older.
      if (!isSame(value, slot.value, source) && this.#isStanding(slot)) this.#remove(slot)
      return value
    } finally {
      slot.reading = undefined
    }
  }

  #keep<V>(slot: Slot<V>, expiresAt: Expiry, source: Source<V>): void {
    if (!this.#isStanding(slot)) return
    const oldest = slot.readAt + this.#limits.maxAgeMs
    slot.validUntil = Math.min(oldest, expiresAt ?? oldest)
    const bytes = bytesOf(slot, source)
    const isKept = slot.validUntil > this.#clock.now() && bytes <= this.#limits.maxBytes
    if (expiresAt === undefined || !isKept) {
      this.#abandon(slot)
      return
    }
    if (this.#bytes + bytes > this.#limits.maxBytes) {
      // It must not evict itself.
      this.#slots.delete(slot.key)
      while (this.#bytes + bytes > this.#limits.maxBytes) this.#evict()
      this.#slots.set(slot.key, slot)
    }
    slot.expiresAt = expiresAt
    slot.bytes = bytes
    this.#bytes += bytes
    slot.shelf.put(slot)
    this.#dropHandIfRoomy()
  }

  #isStanding(slot: Slot<unknown>): boolean {
    return this.#slots.get(slot.key) === slot
  }

  #abandon(slot: Slot<unknown>): void {
    if (this.#isStanding(slot)) this.#slots.delete(slot.key)
  }

  #remove(slot: Slot<unknown>): void {
    this.#balance.ended()
    this.#slots.delete(slot.key)
    this.#bytes -= slot.bytes
    slot.shelf.take(slot)
  }

  /** One step of the hand: drops the slot it points to, unless that was used since its last visit. */
  #evict(): void {
    this.#hand ??= this.#slots.values()
    const { value: slot, done } = this.#hand.next()
    if (done) this.#hand = undefined
    else if (slot.isUsed) slot.isUsed = false
    else this.#remove(slot)
  }

  #dropHandIfRoomy(): void {
    const { maxEntries, maxBytes } = this.#limits
    if (this.#slots.size < maxEntries / 2 && this.#bytes < maxBytes / 2) this.#hand = undefined
  }

  #clear(): void {
    this.#slots.clear()
    this.#hand = undefined
    this.#bytes = 0
    for (const shelf of this.#shelves) shelf.clear()
  }
}

function isSame<V>(one: V | null, other: V | null, source: Source<V>): boolean {
  if (one === other) return true
  return one !== null && other !== null && source.isSame?.(one, other) === true
}

function bytesOf<V>({ key, group, name, value }: Slot<V>, source: Source<V>): number {
  const names = bytesOfText(key) + bytesOfText(group) + bytesOfText(name)
  return SLOT_BYTES + names + (value === null ? 0 : source.bytesOf(value))
}
