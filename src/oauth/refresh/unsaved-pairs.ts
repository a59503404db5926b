import { publishSession } from '../../leaves/diagnostics.js'

/** Pairs of tokens that an authorization server has issued and that the store does not have yet. Tells of those that are lost. */
export class UnsavedPairs {
  #count = 0
  #isGivenUp = false

  /** How many there are now. */
  get count(): number {
    return this.#count
  }

  /** To be called with what saves a pair. */
  async saving<T>(save: () => Promise<T>): Promise<T> {
    const isLate = this.#isGivenUp
    this.#count += 1
    try {
      return await save()
    } catch (error) {
      if (isLate || !this.#isGivenUp) publishSession('pairsLost', { count: 1 })
      throw error
    } finally {
      this.#count -= 1
    }
  }

  /** To be called when nothing can be saved any more. */
  giveUp(): void {
    if (this.#count > 0) publishSession('pairsLost', { count: this.#count })
    this.#isGivenUp = true
  }
}
