import type { OAuthDb } from '../leaves/contract.js'

/** What one check works with. */
export interface Bench {
  /** Stands in every name that the check uses, so that no two runs meet in one store. */
  readonly id: string
  /** Another handle on the same store, as another process would have it. It is closed after the check. */
  open(): Promise<OAuthDb>
}

/** Something that every `OAuthDb` has to do. */
export interface Rule {
  /** A fact, for test titles. */
  readonly name: string
  /** The specification that demands it, or what the SDK does that relies on it. */
  readonly source: string
  /** Throws when the fact does not hold. */
  check(db: OAuthDb, bench: Bench): Promise<void>
}
