import { fingerprint } from '../../flight/fingerprint.js'
import type { AccessToken } from '../../leaves/contract.js'
import { RecentMap, weightOf } from '../../leaves/recent-map.js'

/** A process may be stopped, or its machine, before its client saves what it was handed. */
const MAX_AGE_MS = 86_400_000
/** A client saves right away, or after a stall. From then on a peer may have deleted the user, and a new login may give the same pair. */
const CERTAIN_MS = 60_000
/** The same where this process has deleted the user. */
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

/** A save of a pair that was handed out. */
export interface Echo {
  /** Whether it must write nothing, whatever stands in Redis. */
  readonly isCertain: boolean
  /** Else it must write nothing if there is a record at any of these: the pair itself, or what a peer made of it. */
  readonly urls: readonly string[]
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
    maxAgeMs: CERTAIN_MS,
  })

  /** To be called when one caller is about to be handed `token`, which stands at `userId` and `url`. */
  expect(userId: string, url: string, token: AccessToken): void {
    const key = keyOf(userId, token)
    const pairs = this.#handedOut.get(key) ?? []
    const callers = (pairs.find((pair) => pair.url === url)?.callers ?? 0) + 1
    const others = pairs.filter((pair) => pair.url !== url)
    this.#handedOut.set(key, [...others, { userId, url, callers, atMs: performance.now() }])
  }

  /** The echo that this save is, undefined if it is none. Counts it as one. */
  take(userId: string, url: string, token: AccessToken): Echo | undefined {
    if (this.#handedOut.size === 0 || !token.refreshToken) return undefined
    const key = keyOf(userId, token)
    const pairs = this.#handedOut.get(key) ?? []
    const above = pairs.filter((one) => isAtOrBelow(one.url, url))
    const certain = above.find((one) => this.#isCertain(one))
    const pair = certain ?? above[0]
    if (pair === undefined) return undefined
    const left = pairs.filter((one) => one !== pair)
    if (pair.callers > 1) left.push({ ...pair, callers: pair.callers - 1 })
    if (left.length > 0) this.#handedOut.set(key, left)
    else this.#handedOut.delete(key)
    const urls = [...new Set([url, ...above.map((one) => one.url)])]
    return { isCertain: certain !== undefined, urls }
  }

  /**
   * To be called when a user's record is deleted, or all of them. What was handed out right before is an echo all the same, which
   * would bring the user back. Later the same pair may come from a new login.
   */
  forget(userId: string, url?: string): void {
    this.#deletions.set(nameOf(userId, url), performance.now())
  }

  #isCertain({ userId, url, atMs }: HandedOut): boolean {
    const deletedAtMs = (name: string): number =>
      this.#deletions.get(name) ?? Number.NEGATIVE_INFINITY
    const ageMs = performance.now() - atMs
    if (ageMs <= AFTER_DELETION_MS) return true
    if (ageMs >= CERTAIN_MS) return false
    return Math.max(deletedAtMs(nameOf(userId)), deletedAtMs(nameOf(userId, url))) < atMs
  }
}

function nameOf(userId: string, url?: string): string {
  return fingerprint(url === undefined ? [userId] : [userId, url])
}

function keyOf(userId: string, { accessToken, refreshToken = '' }: AccessToken): string {
  return fingerprint(userId, accessToken, refreshToken)
}

function isAtOrBelow(above: string, url: string): boolean {
  return (
    url === above || (above !== '' && url.startsWith(above.endsWith('/') ? above : `${above}/`))
  )
}
