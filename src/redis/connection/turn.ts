/** Holds back what is written to the sockets until it is called off; returns what calls it off. */
type Cork = () => () => void

/** While no more operations are under way, each leaves by itself. */
const MAX_ALONE = 7
/**
 * If more are under way, they leave in so many parts. With one part, Redis and this process would wait for each other in turn; with more, each
 * `write` saves less. Measured with 8 to 512 callers, on idle and on busy cores, against 2, 3, and parts that get fewer with the load.
 */
const PARTS = 4
/**
 * How many leave together at most: Redis and the network begin with the first of very many while the rest is still being made. Measured with
 * 512 callers, as a multiple of the rate with a limit of 32: reads of tokens 1.28 to 1.40, reads of records 0.97 to 1.25, saves 0.97 to 1.14.
 */
const MAX_OPERATIONS = 128
/** A load that is over is forgotten after roughly so many operations. */
const MEMORY = 512

/**
 * If all commands are answered, and the next call comes later than this after the last command, the cores are busy, or Redis is far: on an idle
 * machine it answers within 0.1 ms. A pause of the callers looks the same. Then all calls of the turn leave in one part, since nobody could
 * begin with the first of them meanwhile. Measured with mixed operations, as a multiple of the rate without it: 16 processes with 4 callers
 * 1.29, 4 with 4 callers 1.15, 8 with 16 callers 1.34.
 */
const LATE_MS = 0.15
/** Up to this load there is one caller, and nothing else to leave with. */
const ONE_CALLER = 1.5
/** Every so many late turns, commands leave in parts anyway: if Redis is only far, answers come apart again, and each is followed up at once. */
const TRIAL = 16

/**
 * Lets the commands of one turn of the event loop leave together while many are under way, or the cores are busy: a busy client spends most of
 * its time on a `write` for each command. The rest leaves by `setImmediate`: so it takes along the commands of all sockets that were read in
 * the same turn, which a microtask would not see.
 */
export class Turn {
  readonly #cork: Cork
  readonly #beforeEnd: () => void
  readonly #end = (): void => this.end()
  #uncork: (() => void) | undefined
  #isScheduled = false
  #unsent = 0
  #load = 0
  #lateTurns = 0
  /** Whether all calls of this turn leave in one part. */
  #isWhole = false

  /** @param beforeEnd - sends what has been put off to the end of the turn */
  constructor(cork: Cork, beforeEnd: () => void) {
    this.#cork = cork
    this.#beforeEnd = beforeEnd
  }

  /**
   * How many operations leave together. This goes by the most that were under way of late: when one packet has answered all, none is under way,
   * but as many follow.
   * @param underWay - the next one included
   * @param sentAtMs - when the last command was sent, by `performance.now()`
   */
  size(underWay: number, sentAtMs: number): number {
    if (underWay > this.#load) this.#load = underWay
    else this.#load -= (this.#load - underWay) / MEMORY
    if (underWay === 1 && this.#load > ONE_CALLER) this.#allAnswered(performance.now() - sentAtMs)
    if (this.#isWhole) return Math.min(MAX_OPERATIONS, Math.ceil(this.#load))
    if (this.#isLight) return 1
    return Math.min(MAX_OPERATIONS, Math.ceil(this.#load / PARTS))
  }

  /** To be called before an operation that does not leave by itself is sent or put off. */
  begin(): void {
    this.#uncork ??= this.#cork()
    if (this.#isScheduled) return
    this.#isScheduled = true
    // While few are under way, those that follow are called before anything else is read.
    if (this.#isLight) process.nextTick(this.#end)
    else setImmediate(this.#end)
  }

  /** To be called when so many operations have been sent, of which `size` leave together. */
  sent(operations: number, size: number): void {
    this.#unsent += operations
    if (this.#unsent >= size) this.#letGo()
  }

  end(): void {
    this.#isScheduled = false
    this.#isWhole = false
    this.#beforeEnd()
    this.#letGo()
  }

  get #isLight(): boolean {
    return this.#load <= MAX_ALONE
  }

  /** The first call after all answers have come, so long after the last command. */
  #allAnswered(waitedMs: number): void {
    this.#lateTurns = waitedMs > LATE_MS ? this.#lateTurns + 1 : 0
    this.#isWhole = this.#lateTurns % TRIAL > 0
  }

  #letGo(): void {
    this.#unsent = 0
    this.#uncork?.()
    this.#uncork = undefined
  }
}
