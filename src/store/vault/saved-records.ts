import { monotonicMs } from '../../leaves/clock.js'
import { weightOf } from '../../leaves/recent-map.js'
import type { FoundKey } from '../../record/keys.js'

/** What this process knows of a record that it has entered in its index. */
export class SavedRecord {
  /** Not from its deletion to the next save. */
  isEntered = true
  /** The number of the latest save. */
  latest = 0
  /** The number of the latest that has succeeded. */
  done = 0
  /** The latest save while it is under way, and after a failure until a read has met it. */
  saving: Promise<void> | undefined

  /** To be called when a save has succeeded. */
  succeeded(call: number): void {
    this.done = Math.max(this.done, call)
    this.ended(call)
  }

  /** To be called when a save has ended, either way. */
  ended(call: number): void {
    if (this.latest === call) this.saving = undefined
  }

  /** The end of a later save than this; undefined where there is none, or none that has not failed. */
  laterSave(call: number): Promise<void> | undefined {
    if (this.done > call) return Promise.resolve()
    return this.latest === call ? undefined : this.saving
  }
}

/** By the last part of a name, which many users share, and the user. */
type Records = Map<string, Map<string, SavedRecord>>

/** Of one generation; two are kept. */
const MAX_ENTRIES = 50_000
const MAX_BYTES = 16 * 2 ** 20

/**
 * The records that this process has entered in their indexes, for `maxAgeMs`. In memory, in bounded bytes, the oldest forgotten first.
 *
 * Two generations by two names, and no `RecentMap` by key: each save asks, and to find a long key among thousands took a tenth of the CPU
 * of a save.
 */
export class SavedRecords {
  readonly #generationMs: number
  #recent: Records = new Map()
  #older: Records = new Map()
  #entries = 0
  #bytes = 0
  #since: number
  readonly #now: () => number

  constructor(maxAgeMs: number, now: () => number = monotonicMs) {
    this.#generationMs = maxAgeMs / 2
    this.#now = now
    this.#since = now()
  }

  get({ name = '', userId = '' }: FoundKey): SavedRecord | undefined {
    this.#turnInTime()
    return this.#recent.get(name)?.get(userId) ?? this.#older.get(name)?.get(userId)
  }

  /** To be called when the record has been entered in its index. */
  remember({ name = '', userId = '' }: FoundKey): void {
    this.#turnInTime()
    let users = this.#recent.get(name)
    if (users === undefined) {
      users = new Map()
      this.#recent.set(name, users)
    }
    const known = users.get(userId)
    if (known !== undefined) {
      known.isEntered = true
      return
    }
    const record = this.#older.get(name)?.get(userId) ?? new SavedRecord()
    record.isEntered = true
    users.set(userId, record)
    this.#entries += 1
    this.#bytes += weightOf(userId, name)
    if (this.#entries >= MAX_ENTRIES || this.#bytes >= MAX_BYTES) this.#turn(this.#now())
  }

  /** To be called when the record is deleted. It is kept: saves that are under way have to know of later ones. */
  forget({ name = '', userId = '' }: FoundKey): void {
    const record = this.#recent.get(name)?.get(userId) ?? this.#older.get(name)?.get(userId)
    if (record !== undefined) record.isEntered = false
  }

  #turnInTime(): void {
    const now = this.#now()
    const ageMs = now - this.#since
    if (ageMs < this.#generationMs) return
    if (ageMs < 2 * this.#generationMs) {
      this.#turn(this.#since + this.#generationMs)
    } else {
      this.#recent = new Map()
      this.#turn(now)
    }
  }

  #turn(since: number): void {
    this.#older = this.#recent
    this.#recent = new Map()
    this.#entries = 0
    this.#bytes = 0
    this.#since = since
  }
}
