/** Holds back what is written to the sockets until it is called off; returns what calls it off. */
type Cork = () => () => void

// Redis and the network begin on the first of many while the rest is still being made.
const MAX_OPERATIONS = 32

// Measured, with 1 to 4096 callers: below, the wait for the end of the turn costs more than the `write`s that it spares.
const BUSY = 16
/** Not half of that, so that a load at the edge does not go to and fro. */
const CALM = 8
const CALM_TURNS = 2

/**
 * Has the commands of one turn of the event loop leave together while many are under way: a `write` a command is what a busy
 * client spends most of its time on. Ends with `setImmediate`, so that commands of several sockets that were read in the same turn
 * are taken together, which a microtask would not see. While few are under way each leaves at once.
 */
export class Turn {
  readonly #cork: Cork
  readonly #beforeEnd: () => void
  readonly #end = (): void => this.end()
  #uncork: (() => void) | undefined
  #operations = 0
  #unsent = 0
  #isBusy = false
  #calmTurns = 0

  /** @param beforeEnd - sends what has been put off to the end of the turn */
  constructor(cork: Cork, beforeEnd: () => void) {
    this.#cork = cork
    this.#beforeEnd = beforeEnd
  }

  /** Whether a command leaves at once, when so many have no answer yet; otherwise it takes part in a turn. */
  passes(underWay: number): boolean {
    if (underWay >= BUSY && !this.#isBusy) {
      this.#isBusy = true
      this.#calmTurns = 0
    }
    return !this.#isBusy
  }

  /** To be called for each operation, before it is sent or put off. */
  begin(): void {
    this.#operations += 1
    if (this.#uncork !== undefined) return
    this.#uncork = this.#cork()
    setImmediate(this.#end)
  }

  /** To be called when so many operations have been sent. */
  sent(operations: number): void {
    if (this.#uncork === undefined) return
    this.#unsent += operations
    if (this.#unsent < MAX_OPERATIONS) return
    this.#unsent = 0
    this.#uncork()
    this.#uncork = this.#cork()
  }

  end(): void {
    this.#beforeEnd()
    this.#calmTurns = this.#operations > CALM ? 0 : this.#calmTurns + 1
    if (this.#calmTurns >= CALM_TURNS) this.#isBusy = false
    this.#operations = 0
    this.#unsent = 0
    this.#uncork?.()
    this.#uncork = undefined
  }
}
