import type { AccessToken } from '../contract.js'

/** Where a record with a refresh token stands. */
export interface Place {
  user: string
  url: string
  resourceUrl: string
}

/** Entries a generation; two generations are kept. */
const MAX_PLACES = 10_000
const MAX_SETTLED = 1_000

/**
 * What this process knows of the refresh tokens that it read: a token request names only the token, and the record
 * to renew must be found by it. In memory, bounded, the oldest forgotten first.
 */
export class TokenPlaces {
  #recent = new Map<string, Place>()
  #older = new Map<string, Place>()
  readonly #settled = new Map<string, { place: Place; refreshToken: string | undefined }>()

  /** What was remembered under this very object is found for at least as long as it is the one. */
  get generation(): object {
    return this.#recent
  }

  /** To be called with every record that a read returned. */
  remember(user: string, url: string, token: AccessToken): void {
    const { refreshToken, resourceUrl } = token
    if (!refreshToken) return
    const known = this.#recent.get(refreshToken)
    if (known?.user === user && known.url === url && known.resourceUrl === resourceUrl) return
    this.#recent.set(refreshToken, { user, url, resourceUrl })
    if (this.#recent.size < MAX_PLACES) return
    this.#older = this.#recent
    this.#recent = new Map()
  }

  find(refreshToken: string): Place | null {
    return this.#recent.get(refreshToken) ?? this.#older.get(refreshToken) ?? null
  }

  /** Notes that a client is about to be handed `token`, which stands at `place` already. */
  settle(place: Place, token: AccessToken): void {
    this.remember(place.user, place.url, token)
    this.#settled.delete(token.accessToken)
    this.#settled.set(token.accessToken, { place, refreshToken: token.refreshToken })
    if (this.#settled.size <= MAX_SETTLED) return
    const [oldest] = this.#settled.keys()
    if (oldest !== undefined) this.#settled.delete(oldest)
  }

  /**
   * Whether a save is the echo of a refresh: the client saves what it was handed, at the url that it called. The
   * pair stands at that url or above it already, or something newer does, or the user was deleted meanwhile: in
   * each case the save must write nothing, else it brings back a spent token, or copies one to a second place.
   */
  isSettled(user: string, url: string, token: AccessToken): boolean {
    const settled = this.#settled.get(token.accessToken)
    return (
      settled !== undefined &&
      settled.refreshToken === token.refreshToken &&
      settled.place.user === user &&
      isAtOrBelow(settled.place.url, url)
    )
  }
}

function isAtOrBelow(above: string, url: string): boolean {
  return (
    url === above || (above !== '' && url.startsWith(above.endsWith('/') ? above : `${above}/`))
  )
}
