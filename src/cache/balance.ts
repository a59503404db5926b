/** So many hits and ended copies are enough to judge by. A process that reads little takes long to get there. */
const ENOUGH_COPIES = 2_000

/*
 * In reads of Redis, by the CPU time of Redis and of all processes, for 4 to 64 processes of 16 callers each (`cached-fleet` in
 * bench/scenarios): to keep what was read costs 0.5 to 1.4, since it outlives the young generation of V8's heap; to
 * hear of a changed key costs 0.03 to 0.08, since many arrive in one message.
 */
const FILL_READS = 1.25
const HEARD_KEY_READS = 1 / 24

/**
 * Weighs what a cache's copies save against what they cost. A copy saves each read that finds it. It costs its fill, but only once it has
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

  /** @param enough - how many hits and ended copies it takes to judge */
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

  /** Redis reported so many keys. They count only if something was read since the last report: else they say nothing of what reads cost. */
  heard(keys: number): void {
    const reads = this.#hits + this.#fills
    if (reads !== this.#readsBefore) this.#heard += keys
    this.#readsBefore = reads
  }

  /** Whether the copies cost more than they save; false until enough is known. Once it is, all counts start over. */
  isLoss(): boolean {
    const known = this.#hits + this.#ends
    if (known < this.#enough) return false
    // Fills took part in hearing them, but what those copies are good for is not known yet: they bear their share.
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
