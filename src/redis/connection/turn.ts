/** Holds back what is written to the sockets until it is called off; returns what calls it off. */
type Cork = () => () => void

/** While no more are under way, each leaves by itself. */
const MOST_ALONE = 7
/**
 * In so many parts the others leave. All in one would have Redis and this process wait for each other in turn; in more, each `write` spares
 * less. Measured with 8 to 512 callers, on idle and on busy cores, beside 2 and 3, and beside parts that get fewer with the load.
 */
const PARTS = 4
/**
 * Redis and the network begin on the first of very many while the rest is still being made. Measured with 512 callers, as a multiple of the rate
 * with 32: reads of tokens 1.28 to 1.40, reads of records 0.97 to 1.25, saves 0.97 to 1.14.
 */
const MAX_OPERATIONS = 128
/** How many operations it takes until a load that is over is forgotten, roughly. */
const MEMORY = 512

/**
 * Milliseconds from the last command to its answer from which on the cores are busy, or Redis is far: on an idle machine it answers within
 * 0.1. What then is called in one go leaves in one part: nobody could begin with the first of it in the meantime. Measured with mixed
 * operations, as a multiple of the rate without it: 16 processes with 4 callers 1.29, 4 with 4 callers 1.15, 8 with 16 callers 1.34.
 */
const LONG_MS = 0.15
/** A load of about one: nothing is there to leave with. */
const ONE_CALLER = 1.5
/** Once in so many turns they leave in parts all the same: if Redis is only far, answers come apart again, and each is followed up at once. */
const TRIAL = 16

/**
 * Has the commands of one turn of the event loop leave together while many are under way, or the cores are busy: a `write` a command is what
 * a busy client spends most of its time on. What is left over leaves by `setImmediate`, so that commands of several sockets that were read in
 * the same turn are taken together, which a microtask would not see.
 */
export class Turn {
  readonly #cork: Cork
  readonly #beforeEnd: () => void
  readonly #end = (): void => this.end()
  #uncork: (() => void) | undefined
  #isScheduled = false
  #unsent = 0
  #load = 0
  #longWaits = 0
  #isWhole = false

  /** @param beforeEnd - sends what has been put off to the end of the turn */
  constructor(cork: Cork, beforeEnd: () => void) {
    this.#cork = cork
    this.#beforeEnd = beforeEnd
  }

  /**
   * How many operations leave together, when so many are under way with the one that is next. By the most that were so of late: when the
   * answers to all have come in one packet, none is under way, and as many follow.
   * @param sentAtMs - when the last command was sent, by `performance.now()`
   */
  size(underWay: number, sentAtMs: number): number {
    if (underWay > this.#load) this.#load = underWay
    else this.#load -= (this.#load - underWay) / MEMORY
    if (underWay === 1 && this.#load > ONE_CALLER) this.#begin(performance.now() - sentAtMs)
    if (this.#isWhole) return Math.min(MAX_OPERATIONS, Math.ceil(this.#load))
    if (this.#isLight) return 1
    return Math.min(MAX_OPERATIONS, Math.ceil(this.#load / PARTS))
  }

  /** To be called before an operation that does not leave by itself is sent or put off. */
  begin(): void {
    this.#uncork ??= this.#cork()
    if (this.#isScheduled) return
    this.#isScheduled = true
    // Of few, those that follow are called before anything else is read.
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
    return this.#load <= MOST_ALONE
  }

  /** All answers have come. */
  #begin(waitedMs: number): void {
    this.#longWaits = waitedMs > LONG_MS ? this.#longWaits + 1 : 0
    this.#isWhole = this.#longWaits % TRIAL > 0
  }

  #letGo(): void {
    this.#unsent = 0
    this.#uncork?.()
    this.#uncork = undefined
  }
}
