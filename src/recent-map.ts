/** Limits of a {@link RecentMap}. What is left out does not limit. */
export interface RecentMapLimits<V> {
  readonly maxEntries: number
  /** Of all entries together, as `bytesOf` counts them. */
  readonly maxBytes?: number
  /** Milliseconds after which an entry counts as absent. */
  readonly maxAgeMs?: number
  /** What one entry weighs; needed for `maxBytes`. */
  readonly bytesOf?: (key: string, value: V) => number
}

interface Entry<V> {
  readonly value: V
  readonly bytes: number
  readonly setAtMs: number
}

/**
 * A map in bounded memory: the entry that was set longest ago is forgotten first. Ages are of `performance.now()`, since the
 * wall clock may jump.
 */
export class RecentMap<V> {
  readonly #limits: RecentMapLimits<V>
  readonly #now: () => number
  readonly #entries = new Map<string, Entry<V>>()
  #bytes = 0

  constructor(limits: RecentMapLimits<V>, now: () => number = () => performance.now()) {
    this.#limits = limits
    this.#now = now
  }

  get size(): number {
    return this.#entries.size
  }

  get bytes(): number {
    return this.#bytes
  }

  get(key: string): V | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    if (!this.#isOld(entry)) return entry.value
    this.#remove(key, entry)
    return undefined
  }

  has(key: string): boolean {
    return this.get(key) !== undefined
  }

  /** Makes the entry the youngest. One that is heavier than all may be together is not kept. */
  set(key: string, value: V): void {
    this.delete(key)
    const { maxEntries, maxBytes = Number.POSITIVE_INFINITY, bytesOf } = this.#limits
    const bytes = bytesOf?.(key, value) ?? 0
    if (bytes > maxBytes) return
    this.#entries.set(key, { value, bytes, setAtMs: this.#now() })
    this.#bytes += bytes
    for (const [oldest, entry] of this.#entries) {
      const isFull = this.#entries.size > maxEntries || this.#bytes > maxBytes
      if (!isFull && !this.#isOld(entry)) break
      this.#remove(oldest, entry)
    }
  }

  /** Whether there was one. */
  delete(key: string): boolean {
    const entry = this.#entries.get(key)
    if (entry === undefined) return false
    this.#remove(key, entry)
    return true
  }

  clear(): void {
    this.#entries.clear()
    this.#bytes = 0
  }

  #isOld({ setAtMs }: Entry<V>): boolean {
    return this.#now() - setAtMs >= (this.#limits.maxAgeMs ?? Number.POSITIVE_INFINITY)
  }

  #remove(key: string, { bytes }: Entry<V>): void {
    this.#entries.delete(key)
    this.#bytes -= bytes
  }
}
