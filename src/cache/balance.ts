/** Enough to judge by: of this many copies it is known whether they were read or ended. A process that reads little never gets there soon. */
const ENOUGH_COPIES = 2_000

/*
 * In reads of Redis, by the CPU time of Redis and of all processes, for 4 to 64 processes of 16 callers each (`cached-fleet` in
 * bench/scenarios): to keep what was read costs 0.5 to 1.4, since it outlives the young generation and is dropped from there; to
 * hear of a key 0.03 to 0.08, since many arrive in one message.
 */
const FILL_READS = 1.25
const HEARD_KEY_READS = 1 / 24

/**
 * What a cache's copies spare, against what they cost. A copy is worth the reads that found it. It costs the fill, once it has
 * ended: only then is it known that nobody will read it any more. So a cold start costs nothing.
 */
export class Balance {
  readonly #enough: number
  #hits = 0
  #fills = 0
  #ends = 0
  #heard = 0
  /** Reads when keys were reported last. */
  #readsBefore = 0

  /** @param enough - how many copies were read or ended before it is judged */
  constructor(enough: number = ENOUGH_COPIES) {
    this.#enough = enough
  }

  /** A read found a copy. */
  hit(): void {
    this.#hits += 1
  }

  /** A read found none, and makes one. */
  filled(): void {
    this.#fills += 1
  }

  /** A copy was dropped: changed, too old, or no room. */
  ended(): void {
    this.#ends += 1
  }

  /** Redis reported so many keys. Those that come while nothing is read say nothing of what reads will cost. */
  heard(keys: number): void {
    const reads = this.#hits + this.#fills
    if (reads !== this.#readsBefore) this.#heard += keys
    this.#readsBefore = reads
  }

  /** Whether the copies cost more than they spare; then, and whenever enough is known, it begins anew. */
  isLoss(): boolean {
    const known = this.#hits + this.#ends
    if (known < this.#enough) return false
    // All reads heard them, the first of a key too, of which it is not known yet what they are good for.
    const heard = (this.#heard * known) / Math.max(1, this.#hits + this.#fills)
    const cost = this.#ends * FILL_READS + heard * HEARD_KEY_READS
    const isLoss = this.#hits < cost
    this.#hits = 0
    this.#fills = 0
    this.#ends = 0
    this.#heard = 0
    this.#readsBefore = 0
    return isLoss
  }
}
