import type { TokenOrigin } from '../../record/origin.js'

/** What tells one read of a refresh token from another. Of the origin, whether the issuer is known. */
export interface TokenRead {
  readonly refreshToken: string
  readonly userId: string
  readonly url: string
  readonly resourceUrl: string
  readonly origin: TokenOrigin
}

/** How many reads can be known, each in a slot of its own. */
const SLOTS = 2 ** 15
const NOBODY = ''

/**
 * Tells whether a read was entered before, by a hash of its token and by its names as they are. It looks at two places in memory. The map of
 * places and what hangs on it would take six, most of them in no CPU cache any more.
 *
 * One new token in 4 billion has the same hash as the one before it. It is not entered, so its refresh is not coordinated.
 */
export class EnteredReads {
  /** 0: none. */
  readonly #hashes = new Int32Array(SLOTS)
  /** The user and the URL of each slot. */
  readonly #names: string[] = Array.from({ length: 2 * SLOTS }, () => NOBODY)

  /** @returns whether it is new, as far as is known */
  add({ refreshToken, userId, url, resourceUrl, origin }: TokenRead): boolean {
    const ofToken = hashOf(refreshToken)
    const ofNames = resourceUrl === url ? ofToken : hashOf(`\0${resourceUrl}`, ofToken)
    const hash = (origin.issuer === undefined ? ofNames : ~ofNames) || 1
    const slot = slotOf(ofToken)
    const isUser = this.#names[2 * slot] === userId
    if (isUser && this.#hashes[slot] === hash && this.#names[2 * slot + 1] === url) return false
    this.#hashes[slot] = hash
    this.#names[2 * slot] = userId
    this.#names[2 * slot + 1] = url
    return true
  }

  /** Forgets all reads of one token. */
  forget(refreshToken: string): void {
    this.#hashes[slotOf(hashOf(refreshToken))] = 0
  }

  clear(): void {
    this.#hashes.fill(0)
    this.#names.fill(NOBODY)
  }
}

/** All reads of a token share one. */
function slotOf(hash: number): number {
  return hash & (SLOTS - 1)
}

/** FNV-1a, by characters. */
function hashOf(text: string, seed = 0x811c9dc5): number {
  let hash = seed
  for (let at = 0; at < text.length; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  }
  return hash
}
