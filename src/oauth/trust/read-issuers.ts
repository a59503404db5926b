import { RecentMap } from '../../leaves/recent-map.js'

const MAX_ISSUERS = 200
const MAX_BYTES = 2 ** 20
/** A client reads the metadata before it registers. */
const MAX_AGE_MS = 86_400_000

/** Whose metadata one client has read. */
export class ReadIssuers {
  readonly #issuers = new RecentMap<true>({
    maxEntries: MAX_ISSUERS,
    maxBytes: MAX_BYTES,
    maxAgeMs: MAX_AGE_MS,
  })
  #isSure = true

  add(issuer: string): void {
    this.#issuers.set(issuer, true)
  }

  /**
   * To be called when the client may have taken a document for somebody's metadata that nothing was learned from. Its endpoints may be
   * anybody's, and the client may use them from now on.
   */
  addUnknown(): void {
    this.#isSure = false
  }

  /**
   * Whether tokens that the client gets at this endpoint can be the issuer's. Anyone can name the endpoint of another: so if it is of
   * another origin, the client has to have read that it is the issuer's.
   */
  believes(issuer: string, endpoint: string): boolean {
    return this.has(issuer) || new URL(issuer).origin === new URL(endpoint).origin
  }

  /** Whether the client has read this issuer's metadata, and no other that might name the same endpoints. */
  has(issuer: string): boolean {
    return this.#isSure && this.#issuers.has(issuer)
  }
}
