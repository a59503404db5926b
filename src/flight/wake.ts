/** Something to wait for that can be called off: fires at once when it was fired since the last `reset`. */
export class Wake {
  #fired = false
  #waiter: (() => void) | undefined

  fire(): void {
    this.#fired = true
    this.#waiter?.()
  }

  reset(): void {
    this.#fired = false
  }

  /** Resolves when fired, or after `ms`. One waiter at a time. */
  wait(ms: number): Promise<void> {
    if (this.#fired) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#waiter?.(), ms)
      this.#waiter = () => {
        clearTimeout(timer)
        this.#waiter = undefined
        resolve()
      }
    })
  }
}
