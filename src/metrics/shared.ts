/** What is begun by the first who asks for it, and ended by the last. */
export class Shared {
  readonly #begin: () => () => void
  #users = 0
  #end: (() => void) | undefined

  /** @param begin - returns what ends it */
  constructor(begin: () => () => void) {
    this.#begin = begin
  }

  /** Returns what gives it up; a second call of that does nothing. */
  use(): () => void {
    this.#users += 1
    this.#end ??= this.#begin()
    let isUsed = true
    return () => {
      if (!isUsed) return
      isUsed = false
      this.#users -= 1
      if (this.#users > 0) return
      this.#end?.()
      this.#end = undefined
    }
  }
}
