import type { AccessToken } from '../contract.js'
import { fingerprint } from '../flight/fingerprint.js'

const MAX_TOKENS = 1_000
/** A client that met a refusal asks for its refresh well within this. */
const FRESH_MS = 30_000

/**
 * The access tokens that a resource server refused, as this process saw it. A client whose old token was refused
 * may read the record just after a peer renewed it, and would then renew the new one at once: one refresh too
 * many. Who knows which token was refused can tell.
 *
 * Only to be used where all resource requests are seen: else a refused token would pass for a good one.
 */
export class RefusedTokens {
  readonly #refusedAt = new Map<string, number>()

  note(accessToken: string): void {
    const id = fingerprint(accessToken)
    this.#refusedAt.delete(id)
    this.#refusedAt.set(id, performance.now())
    if (this.#refusedAt.size <= MAX_TOKENS) return
    const [oldest] = this.#refusedAt.keys()
    if (oldest !== undefined) this.#refusedAt.delete(oldest)
  }

  /** Whether a refusal stands behind a refresh, but that of another token than `token`, which is still good. */
  blameAnother(token: AccessToken): boolean {
    if (this.#refusedAt.has(fingerprint(token.accessToken))) return false
    const latest = [...this.#refusedAt.values()].pop()
    return latest !== undefined && performance.now() - latest < FRESH_MS
  }
}
