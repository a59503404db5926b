const MOST_WAIT_MS = 5_000

/**
 * Holds requests until a number of them is there, and lets all go on in one turn: whatever the machine's load, those who
 * sent them then race.
 */
export class Gathering {
  #size = 0
  /** @type {Array<() => void>} */
  #waiting = []
  /** @type {NodeJS.Timeout | undefined} */
  #timer

  /**
   * @param {number} size how many requests are waited for; if they do not come within five seconds, those that did go on
   */
  start(size) {
    this.disperse()
    this.#size = size
    this.#timer = setTimeout(() => this.disperse(), MOST_WAIT_MS)
  }

  /** @returns {Promise<void>} */
  async join() {
    if (this.#size === 0) return
    await new Promise((resolve) => {
      this.#waiting.push(() => resolve(undefined))
      if (this.#waiting.length >= this.#size) this.disperse()
    })
  }

  disperse() {
    clearTimeout(this.#timer)
    this.#size = 0
    for (const goOn of this.#waiting.splice(0)) goOn()
  }
}
