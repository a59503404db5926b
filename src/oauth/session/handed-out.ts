import { fingerprint } from '../../flight/fingerprint.js'
import { RecentMap, weightOf } from '../../leaves/recent-map.js'

/** Whose session a request is of, and the url at which its record stands, or is going to. */
export interface SessionPlace {
  readonly userId: string
  readonly url: string
}

const MAX_TOKENS = 10_000
const MAX_URLS = 1_000
const MAX_BYTES = 8 * 2 ** 20
/** A client reads the token before each request. */
const PLACE_MS = 3_600_000
/** A client sends its request right after it has found no session. */
const MISS_MS = 30_000
/** At one url. */
const MAX_MISSES = 32

/** A user who was looked for and not found. */
interface Miss {
  readonly userId: string
  readonly untilMs: number
}

interface Misses {
  /** The last ones, oldest first. */
  readonly last: readonly Miss[]
  /** Until then there are others, who are not remembered. */
  readonly othersUntilMs: number
}

/**
 * What one client was handed by the database. A request to a resource server carries an access token, or none, and does not
 * say whose it is; the reads right before it do.
 */
export class HandedOut {
  readonly #places = new RecentMap<SessionPlace>({
    maxEntries: MAX_TOKENS,
    maxBytes: MAX_BYTES,
    maxAgeMs: PLACE_MS,
    bytesOf: (key, { userId, url }) => weightOf(key, userId, url),
  })
  /** By the hash of the url at which they were. */
  readonly #missing = new RecentMap<Misses>({
    maxEntries: MAX_URLS,
    maxBytes: MAX_BYTES,
    maxAgeMs: MISS_MS,
    bytesOf: (key, { last }) =>
      last.reduce((sum, { userId }) => sum + weightOf(userId), weightOf(key)),
  })

  /** To be called with what a read gave. */
  note(userId: string, url: string, accessToken: string | undefined): void {
    const key = fingerprint(url)
    const misses = this.#missing.get(key)
    if (accessToken === undefined) {
      this.#missing.set(key, withMiss(misses, userId))
      return
    }
    if (misses?.last.some((miss) => miss.userId === userId)) {
      this.#missing.set(key, {
        ...misses,
        last: misses.last.filter((miss) => miss.userId !== userId),
      })
    }
    this.#places.set(fingerprint(accessToken), { userId, url })
  }

  placeOf(accessToken: string): SessionPlace | undefined {
    return this.#places.get(fingerprint(accessToken))
  }

  /** The one user who has no session at `url`; undefined where there is none, or several. */
  userWithout(url: string): string | undefined {
    const misses = this.#missing.get(fingerprint(url))
    const now = performance.now()
    if (misses === undefined || misses.othersUntilMs > now) return undefined
    const [only, another] = misses.last.filter(({ untilMs }) => untilMs > now)
    return another === undefined ? only?.userId : undefined
  }
}

function withMiss(misses: Misses | undefined, userId: string): Misses {
  const now = performance.now()
  const others = misses?.last.filter((miss) => miss.userId !== userId && miss.untilMs > now) ?? []
  const last = [...others, { userId, untilMs: now + MISS_MS }]
  const dropped = last.length > MAX_MISSES ? last.shift() : undefined
  return { last, othersUntilMs: dropped?.untilMs ?? misses?.othersUntilMs ?? 0 }
}

/** The urls at which clients look for a session, from the called one up to the root. */
export function pathsUpFrom(calledUrl: string): readonly string[] {
  const paths = [calledUrl]
  for (;;) {
    const url = new URL(paths.at(-1) as string)
    const before = url.href
    url.pathname = url.pathname.replace(/\/[^/]+$/, '')
    if (url.href === before) return paths
    paths.push(url.href)
  }
}
