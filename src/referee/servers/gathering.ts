const MOST_WAIT_MS = 5_000

/**
 * Holds requests until a number of them is there, and lets all go on in one turn: whatever the machine's load, those who
 * sent them then race.
 */
export class Gathering {
  #size = 0
  #waiting: (() => void)[] = []
  #timer: NodeJS.Timeout | undefined
  #onEnd: () => void = () => undefined
  #ended: Promise<void> = Promise.resolve()

  /** @param size - how many requests are waited for; if they do not come within five seconds, those that did go on */
  start(size: number): void {
    this.disperse()
    this.#size = size
    this.#timer = setTimeout(() => this.disperse(), MOST_WAIT_MS)
    this.#ended = new Promise((resolve) => {
      this.#onEnd = resolve
    })
  }

  /** Settles when those that wait now go on. */
  get ended(): Promise<void> {
    return this.#ended
  }

  async join(): Promise<void> {
    if (this.#size === 0) return
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve)
      if (this.#waiting.length >= this.#size) this.disperse()
    })
  }

  disperse(): void {
    clearTimeout(this.#timer)
    this.#size = 0
    for (const goOn of this.#waiting.splice(0)) goOn()
    this.#onEnd()
  }
}
