import { fingerprint } from '../../flight/fingerprint.js'
import type { AccessToken } from '../../leaves/contract.js'
import { RecentMap, weightOf } from '../../leaves/recent-map.js'

/** A client saves what it was handed right away. */
const MAX_AGE_MS = 60_000
/** And in this time also after a stall. From then on a user who was deleted meanwhile may have logged in anew, with the same pair. */
const AFTER_DELETION_MS = 15_000
const MAX_ENTRIES = 50_000
const MAX_BYTES = 32 * 2 ** 20

/** A pair that was handed out, and that stands in Redis already. */
interface HandedOut {
  readonly userId: string
  readonly url: string
  /** How many callers have it, and have not saved it yet. */
  readonly callers: number
  /** When the last of them got it, by `performance.now()`. */
  readonly atMs: number
}

/**
 * Tells the echo of a refresh from a save: a client saves what it was handed, at the url that it called. The pair stands at
 * that url or above it already, or something newer does, or the user was deleted meanwhile. So an echo must write nothing, else it
 * brings back a spent token, or copies one to a second place. Each caller has one echo.
 */
export class Echoes {
  readonly #handedOut = new RecentMap<readonly HandedOut[]>({
    maxEntries: MAX_ENTRIES,
    maxBytes: MAX_BYTES,
    maxAgeMs: MAX_AGE_MS,
    bytesOf: (key, pairs) =>
      pairs.reduce((sum, { userId, url }) => sum + weightOf(userId, url), weightOf(key)),
  })

  readonly #deletions = new RecentMap<number>({
    maxEntries: MAX_ENTRIES,
    maxBytes: MAX_BYTES,
    maxAgeMs: MAX_AGE_MS,
  })

  /** To be called when one caller is about to be handed `token`, which stands at `userId` and `url`. */
  expect(userId: string, url: string, token: AccessToken): void {
    const key = keyOf(userId, token)
    const pairs = this.#handedOut.get(key) ?? []
    const callers = (pairs.find((pair) => pair.url === url)?.callers ?? 0) + 1
    const others = pairs.filter((pair) => pair.url !== url)
    this.#handedOut.set(key, [...others, { userId, url, callers, atMs: performance.now() }])
  }

  /** Whether this save is an echo. Counts it as one. */
  take(userId: string, url: string, token: AccessToken): boolean {
    if (this.#handedOut.size === 0 || !token.refreshToken) return false
    const key = keyOf(userId, token)
    const pairs = this.#handedOut.get(key)
    const pair = pairs?.find((one) => isAtOrBelow(one.url, url) && !this.#isDeleted(one))
    if (pairs === undefined || pair === undefined) return false
    const left = pairs.filter((one) => one !== pair)
    if (pair.callers > 1) left.push({ ...pair, callers: pair.callers - 1 })
    if (left.length > 0) this.#handedOut.set(key, left)
    else this.#handedOut.delete(key)
    return true
  }

  /**
   * To be called when a user's record is deleted, or all of them. What was handed out right before is an echo all the same, which
   * would bring the user back; later the same pair may come from a new login.
   */
  forget(userId: string, url?: string): void {
    this.#deletions.set(nameOf(userId, url), performance.now())
  }

  #isDeleted({ userId, url, atMs }: HandedOut): boolean {
    const deletedAtMs = (name: string): number =>
      this.#deletions.get(name) ?? Number.NEGATIVE_INFINITY
    if (performance.now() - atMs <= AFTER_DELETION_MS) return false
    return Math.max(deletedAtMs(nameOf(userId)), deletedAtMs(nameOf(userId, url))) >= atMs
  }
}

function nameOf(userId: string, url?: string): string {
  return fingerprint(url === undefined ? [userId] : [userId, url])
}

function keyOf(userId: string, { accessToken, refreshToken = '' }: AccessToken): string {
  return fingerprint(userId, accessToken, refreshToken)
}

export function isAtOrBelow(above: string, url: string): boolean {
  return (
    url === above || (above !== '' && url.startsWith(above.endsWith('/') ? above : `${above}/`))
  )
}
