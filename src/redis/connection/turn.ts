/** Holds back what is written to the sockets until it is called off; returns what calls it off. */
type Cork = () => () => void

// Redis and the network begin on the first of many while the rest is still being made.
const MAX_OPERATIONS = 32

/**
 * Has the commands of one turn of the event loop leave together: a `write` a command is what a busy client spends most of
 * its time on. Ends with `setImmediate`, so that commands of several sockets that were read in the same turn are taken
 * together, which a microtask would not see.
 */
export class Turn {
  readonly #cork: Cork
  readonly #beforeEnd: () => void
  readonly #end = (): void => this.end()
  #uncork: (() => void) | undefined
  #operations = 0
  #operationsBefore = 0
  #unsent = 0

  /** @param beforeEnd - sends what has been put off to the end of the turn */
  constructor(cork: Cork, beforeEnd: () => void) {
    this.#cork = cork
    this.#beforeEnd = beforeEnd
  }

  /** Whether what comes first now is likely to come alone: then waiting for others would only delay it. */
  get isQuiet(): boolean {
    return this.#uncork === undefined && this.#operationsBefore <= 1
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
    this.#operationsBefore = this.#operations
    this.#operations = 0
    this.#unsent = 0
    this.#uncork?.()
    this.#uncork = undefined
  }
}
