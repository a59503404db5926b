import { fingerprint } from '../../flight/fingerprint.js'
import { RecentMap } from '../../recent-map.js'

/** Whose session a request is of, and the url at which its record stands, or is going to. */
export interface SessionPlace {
  readonly user: string
  readonly url: string
}

const MAX_TOKENS = 10_000
const MAX_URLS = 1_000
const MAX_BYTES = 8 * 2 ** 20
const ENTRY_BYTES = 300
/** A client sends its request right after it has found no session. */
const MISS_MS = 30_000

/**
 * What one client was handed by the database. A request to a resource server carries an access token, or none, and does not
 * say whose it is; the reads right before it do.
 */
export class HandedOut {
  readonly #places = new RecentMap<SessionPlace>({
    maxEntries: MAX_TOKENS,
    maxBytes: MAX_BYTES,
    bytesOf: (_, { user, url }) => ENTRY_BYTES + 2 * (user.length + url.length),
  })
  /** Users, by the url at which they were looked for and not found. */
  readonly #missing = new RecentMap<readonly string[]>({ maxEntries: MAX_URLS, maxAgeMs: MISS_MS })

  /** To be called with what a read gave. */
  note(user: string, url: string, accessToken: string | undefined): void {
    const users = this.#missing.get(url) ?? []
    if (accessToken === undefined) {
      if (!users.includes(user)) this.#missing.set(url, [...users, user])
      return
    }
    if (users.includes(user)) {
      this.#missing.set(
        url,
        users.filter((other) => other !== user),
      )
    }
    this.#places.set(fingerprint(accessToken), { user, url })
  }

  placeOf(accessToken: string): SessionPlace | undefined {
    return this.#places.get(fingerprint(accessToken))
  }

  /** The one user who has no session at `url`; undefined where there is none, or several. */
  userWithout(url: string): string | undefined {
    const users = this.#missing.get(url) ?? []
    return users.length === 1 ? users[0] : undefined
  }
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
