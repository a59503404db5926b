/** Holds back what is written to the sockets until it is called off; returns what calls it off. */
type Cork = () => () => void

// Redis and the network begin on the first of many while the rest is still being made.
const MAX_COMMANDS = 64

/**
 * Has all commands of one turn of the event loop leave in one packet: a `write` a command is what a busy client spends most
 * of its time on. Ends with `setImmediate`, so that commands of several sockets that were read in the same turn are taken
 * together, which a microtask would not see.
 */
export class Turn {
  readonly #cork: Cork
  readonly #beforeEnd: () => void
  readonly #end = (): void => this.end()
  #uncork: (() => void) | undefined
  #commands = 0

  /** @param beforeEnd - sends what has been put off to the end of the turn */
  constructor(cork: Cork, beforeEnd: () => void) {
    this.#cork = cork
    this.#beforeEnd = beforeEnd
  }

  get isOpen(): boolean {
    return this.#uncork !== undefined
  }

  /** To be called before something is sent, or put off to the end of the turn. */
  begin(): void {
    if (this.#uncork === undefined) {
      this.#uncork = this.#cork()
      setImmediate(this.#end)
    }
  }

  /** To be called for each command that was sent. */
  sent(): void {
    this.#commands += 1
    if (this.#commands < MAX_COMMANDS || this.#uncork === undefined) return
    this.#commands = 0
    this.#uncork()
    this.#uncork = this.#cork()
  }

  end(): void {
    this.#beforeEnd()
    this.#commands = 0
    this.#uncork?.()
    this.#uncork = undefined
  }
}
