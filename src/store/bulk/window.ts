/** Counts what is under way; lets it fall to half before more is added, so that writes leave in bunches. */
export class Window {
  readonly #most: number
  #inFlight = 0
  #awaited = 0
  #wake: (() => void) | undefined

  /** @param most - how much may be under way */
  constructor(most: number) {
    this.#most = most
  }

  get isFull(): boolean {
    return this.#inFlight >= this.#most
  }

  /** @param work - must not reject */
  add(work: Promise<void>): void {
    this.#inFlight += 1
    void work.then(() => {
      this.#inFlight -= 1
      if (this.#inFlight <= this.#awaited) this.#wake?.()
    })
  }

  hasRoom(): Promise<void> {
    return this.#fallsTo(this.#most / 2)
  }

  isEmpty(): Promise<void> {
    return this.#fallsTo(0)
  }

  async #fallsTo(count: number): Promise<void> {
    if (this.#inFlight <= count) return
    this.#awaited = count
    await new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    this.#wake = undefined
  }
}
