import { AWAY_CODES, DeletionError, RedisOAuthDatabaseError } from '../leaves/errors.js'

/** What became of many deletions that are one call. */
export class DeletionTally {
  /** Deletions that were left out. */
  notTried = 0
  #removed = 0
  #failed = 0
  /** What else failed, so that there may be more to delete. */
  #ending: RedisOAuthDatabaseError | undefined
  #failure: RedisOAuthDatabaseError | undefined
  #isHopeless = false

  /** Whether Redis is away, so that the next deletions would only wait in vain. */
  get isHopeless(): boolean {
    return this.#isHopeless
  }

  /** To be called with what became of deletions that were sent together. */
  count(results: readonly PromiseSettledResult<boolean>[]): void {
    let isAway = results.length > 0
    for (const result of results) {
      if (result.status === 'rejected') {
        this.#failed += 1
        this.#note(result.reason)
        isAway &&= AWAY_CODES.has(result.reason?.code)
      } else {
        if (result.value) this.#removed += 1
        isAway = false
      }
    }
    this.#isHopeless = isAway
  }

  /** To be called with a deletion of so many at once, and what it says to have removed. */
  async countAll(size: number, deletion: Promise<number>): Promise<void> {
    try {
      this.#removed += await deletion
      this.#isHopeless = false
    } catch (error) {
      if (!(error instanceof RedisOAuthDatabaseError)) throw error
      this.#failed += size
      this.#note(error)
      this.#isHopeless = AWAY_CODES.has(error.code)
    }
  }

  /** To be called when the search for more has failed. */
  end(error: unknown): void {
    if (!(error instanceof RedisOAuthDatabaseError)) throw error
    this.#ending = error
    this.#note(error)
  }

  /**
   * How many were removed.
   * @throws DeletionError
   */
  outcome(): number {
    const [removed, failed, notTried] = [this.#removed, this.#failed, this.notTried]
    const failure = this.#failure
    if (failure === undefined) return removed
    const more = this.#ending ? 'at least ' : ''
    throw new DeletionError(
      failure.code,
      `${failure.message} (${removed} removed, ${failed} failed, ${more}${notTried} not tried)`,
      { removed, failed, notTried },
      { cause: failure },
    )
  }

  /** The first failure counts, and before it one that leaves the most open. */
  #note(error: RedisOAuthDatabaseError): void {
    const isWorse = error.code === 'OUTCOME_UNKNOWN' && this.#failure?.code !== 'OUTCOME_UNKNOWN'
    if (this.#failure === undefined || isWorse) this.#failure = error
  }
}
