import type { AccessToken } from '../../contract.js'
import { fingerprint } from '../../flight/fingerprint.js'
import { RecentMap } from '../../recent-map.js'

const MAX_BYTES = 4 * 1024 * 1024
/** A hash as its key, and objects. */
const ENTRY_BYTES = 300
const MAX_ORIGINS = 1_000
const MAX_AGE_MS = 600_000
/** A client that met a refusal asks for its refresh well within this. */
const FRESH_MS = 30_000

/**
 * The access tokens that resource servers refused, as one client saw it. A client whose old token was refused
 * may read the record just after a peer renewed it, and would then renew the new one at once: one refresh too
 * many. Who knows which token was refused can tell.
 *
 * A server's refusal tells of its own origin alone. Once anything may have been forgotten it tells nothing: a token that was
 * refused and is not remembered would pass for a good one.
 */
export class RefusedTokens {
  readonly #refused = new RecentMap<true>({
    maxEntries: Number.POSITIVE_INFINITY,
    maxBytes: MAX_BYTES,
    maxAgeMs: MAX_AGE_MS,
    bytesOf: () => ENTRY_BYTES,
  })
  /** Origins at which a token was refused just now. */
  readonly #fresh = new RecentMap<true>({
    maxEntries: MAX_ORIGINS,
    maxBytes: MAX_BYTES,
    maxAgeMs: FRESH_MS,
  })

  /** @param url - of the request that carried the token */
  note(accessToken: string, url: string | URL): void {
    const origin = originOf(url)
    if (origin === undefined) return
    this.#refused.set(fingerprint(origin, accessToken), true)
    this.#fresh.set(fingerprint(origin), true)
  }

  /** Whether the token was refused, as far as is known; true as well where anything may have been forgotten. */
  isRefused({ accessToken, resourceUrl }: AccessToken): boolean {
    const origin = originOf(resourceUrl)
    return (
      origin === undefined || this.#isFull || this.#refused.has(fingerprint(origin, accessToken))
    )
  }

  /** Whether a refusal stands behind a refresh, but that of another token than `token`, which is still good. */
  blameAnother({ accessToken, resourceUrl }: AccessToken): boolean {
    const origin = originOf(resourceUrl)
    if (origin === undefined || this.#isFull || !this.#fresh.has(fingerprint(origin))) return false
    return !this.#refused.has(fingerprint(origin, accessToken))
  }

  get #isFull(): boolean {
    return this.#refused.bytes + ENTRY_BYTES > MAX_BYTES
  }
}

function originOf(url: string | URL): string | undefined {
  try {
    return new URL(url).origin
  } catch {
    return undefined
  }
}
