import { fingerprint } from '../../flight/fingerprint.js'
import type { AccessToken } from '../../leaves/contract.js'
import { RecentMap } from '../../leaves/recent-map.js'

const MAX_BYTES = 4 * 1024 * 1024
/** A hash as its key, and objects. */
const ENTRY_BYTES = 300
/** A quarter: no origin takes the room of the others. */
const MAX_OF_ORIGIN = Math.floor(MAX_BYTES / 4 / ENTRY_BYTES)
const MAX_ORIGINS = 1_000
const MAX_AGE_MS = 600_000
/** A client that met a refusal asks for its refresh well within this. */
const FRESH_MS = 30_000

/** What is known of one origin. Times are of `performance.now()`. */
interface Origin {
  /** So many of its tokens are remembered since then. */
  readonly count: number
  readonly sinceMs: number
  /** Until then a token may have been refused that is not remembered. */
  readonly unsureUntilMs: number
  readonly refusedAtMs: number
}

/**
 * The access tokens that resource servers refused, as one client saw it. A client whose old token was refused
 * may read the record just after a peer renewed it, and would then renew the new one at once: one refresh too
 * many. Who knows which token was refused can tell.
 *
 * A server's refusal tells of its own origin alone, and takes no other's room. Where not all that an origin refused is remembered,
 * it tells nothing: a token that was refused and is not remembered would pass for a good one.
 */
export class RefusedTokens {
  readonly #refused = new RecentMap<true>({
    maxEntries: Number.POSITIVE_INFINITY,
    maxBytes: MAX_BYTES,
    maxAgeMs: MAX_AGE_MS,
    bytesOf: () => ENTRY_BYTES,
  })
  readonly #origins = new RecentMap<Origin>({
    maxEntries: MAX_ORIGINS,
    maxBytes: MAX_BYTES,
    maxAgeMs: MAX_AGE_MS,
  })
  /** As in {@link Origin}, of those for which there was no room. */
  #othersUnsureUntilMs = 0

  /** @param url - of the request that carried the token */
  note(accessToken: string, url: string | URL): void {
    const origin = originOf(url)
    if (origin === undefined) return
    const now = performance.now()
    const name = fingerprint(origin)
    const known = this.#origins.get(name)
    if (known === undefined && !this.#origins.hasRoom(1)) {
      this.#othersUnsureUntilMs = now + MAX_AGE_MS
      return
    }
    const isRecent = known !== undefined && now - known.sinceMs < MAX_AGE_MS
    let { count, sinceMs } = isRecent ? known : { count: 0, sinceMs: now }
    let unsureUntilMs = known?.unsureUntilMs ?? 0
    const token = fingerprint(origin, accessToken)
    if (this.#refused.has(token)) {
      this.#refused.set(token, true)
    } else if (count < MAX_OF_ORIGIN && this.#refused.hasRoom(1, ENTRY_BYTES)) {
      this.#refused.set(token, true)
      count += 1
    } else {
      unsureUntilMs = now + MAX_AGE_MS
    }
    this.#origins.set(name, { count, sinceMs, unsureUntilMs, refusedAtMs: now })
  }

  /** Whether the token was refused, as far as is known; true as well where anything may have been forgotten. */
  isRefused({ accessToken, resourceUrl }: AccessToken): boolean {
    const origin = originOf(resourceUrl)
    if (origin === undefined) return true
    const known = this.#origins.get(fingerprint(origin))
    const unsureUntilMs = known?.unsureUntilMs ?? this.#othersUnsureUntilMs
    if (performance.now() < unsureUntilMs) return true
    return this.#refused.has(fingerprint(origin, accessToken))
  }

  /** Whether a refusal stands behind a refresh, but that of another token than `token`, which is still good. */
  blameAnother(token: AccessToken): boolean {
    const origin = originOf(token.resourceUrl)
    const known = origin === undefined ? undefined : this.#origins.get(fingerprint(origin))
    if (known === undefined || performance.now() - known.refusedAtMs >= FRESH_MS) return false
    return !this.isRefused(token)
  }
}

function originOf(url: string | URL): string | undefined {
  try {
    return new URL(url).origin
  } catch {
    return undefined
  }
}
