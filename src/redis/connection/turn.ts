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
 * Has the commands of one turn of the event loop leave together while many are under way: a `write` a command is what a busy
 * client spends most of its time on. What is left over leaves by `setImmediate`, so that commands of several sockets that were read in
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

  /** @param beforeEnd - sends what has been put off to the end of the turn */
  constructor(cork: Cork, beforeEnd: () => void) {
    this.#cork = cork
    this.#beforeEnd = beforeEnd
  }

  /**
   * How many operations leave together, when so many are under way with the one that is next. By the most that were so of late: when the
   * answers to all have come in one packet, none is under way, and as many follow.
   */
  size(underWay: number): number {
    if (underWay > this.#load) this.#load = underWay
    else this.#load -= (this.#load - underWay) / MEMORY
    if (this.#load <= MOST_ALONE) return 1
    return Math.min(MAX_OPERATIONS, Math.ceil(this.#load / PARTS))
  }

  /** To be called before an operation that does not leave by itself is sent or put off. */
  begin(): void {
    this.#uncork ??= this.#cork()
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(this.#end)
  }

  /** To be called when so many operations have been sent, of which `size` leave together. */
  sent(operations: number, size: number): void {
    this.#unsent += operations
    if (this.#unsent >= size) this.#letGo()
  }

  end(): void {
    this.#isScheduled = false
    this.#beforeEnd()
    this.#letGo()
  }

  #letGo(): void {
    this.#unsent = 0
    this.#uncork?.()
    this.#uncork = undefined
  }
}
