import type { Clock } from '../../leaves/clock.js'
import type { AccessToken } from '../../leaves/contract.js'
import { expiresAtMs } from '../../record/lifetime.js'
import type { StoredToken, TokenOrigin } from '../../record/origin.js'
import type { RefreshRequest } from '../http/requests.js'
import type { Issuers } from '../trust/issuers.js'
import type { ReadIssuers } from '../trust/read-issuers.js'
import type { RefusedTokens } from '../trust/refused-tokens.js'
import type { Echoes } from './echoes.js'
import type { RefreshRecords } from './records.js'
import { isDescendant, type Judgement, judge, lineOf, type Standing } from './standing.js'
import type { TokenPlace, TokenPlaces } from './token-places.js'

export interface SentTokenParts {
  readonly records: RefreshRecords
  readonly places: TokenPlaces
  readonly echoes: Echoes
  readonly issuers: Issuers
  readonly read: ReadIssuers
  readonly refusedTokens: RefusedTokens
  readonly clock: Clock
}

/** The refresh token of one request: where it stands, and what those records say of it. */
export class SentToken {
  readonly #parts: SentTokenParts
  readonly #request: RefreshRequest
  readonly places: readonly TokenPlace[]
  /** What stood there on arrival. */
  #before: readonly Standing[] = []
  /** What stood there at the last look. */
  #now: readonly Standing[] = []

  constructor(parts: SentTokenParts, request: RefreshRequest, places: readonly TokenPlace[]) {
    this.#parts = parts
    this.#request = request
    this.places = places
  }

  /** The one place where the token stands, as far as is known; undefined if there are several, perhaps of several users. */
  get onlyPlace(): TokenPlace | undefined {
    return this.places.length === 1 ? this.places[0] : undefined
  }

  /** The first look. One round trip. */
  async arrive(): Promise<Judgement> {
    this.#before = await this.#readAll()
    return this.#judge(this.#before)
  }

  /** What the records say now. One round trip. */
  async look(): Promise<Judgement> {
    this.#now = await this.#readAll()
    return this.#judge(this.#now)
  }

  /** The places that held the token at the last look, with what is to be renewed there. */
  *holders(): Generator<[TokenPlace, AccessToken]> {
    for (const { place, stored } of this.#now) {
      if (stored !== null && this.isSame(stored.token)) yield [place, stored.token]
    }
  }

  /** An access token that has not expired, and that no server is known to have refused: it serves while it cannot be renewed. */
  stillValid(): StoredToken | undefined {
    const { refusedTokens, clock } = this.#parts
    const isValid = ({ stored }: Standing): boolean =>
      stored !== null &&
      this.isSame(stored.token) &&
      (expiresAtMs(stored.token) ?? 0) > clock.now() &&
      !refusedTokens.isRefused(stored.token)
    return this.#now.find(isValid)?.stored ?? undefined
  }

  isSame({ refreshToken }: AccessToken): boolean {
    return refreshToken === this.#request.refreshToken
  }

  /** Of the pair that replaces the token at this place. */
  originAt({ origin }: TokenPlace): TokenOrigin {
    const { endpoint, refreshToken } = this.#request
    const { issuers, read } = this.#parts
    const issuer = issuers.tokenIssuer(endpoint, read)
    const from = issuer === undefined ? origin : { issuer, endpoint }
    return { ...from, line: lineOf(refreshToken, origin) }
  }

  /** To be called with a pair that stands at this place. */
  remember({ userId, url }: TokenPlace, { token, origin }: StoredToken): void {
    this.#parts.places.remember(userId, url, token, origin)
  }

  /**
   * To be called before one caller gets a pair, with all places but those where its save has failed. The caller may have come from any
   * of them, and its client saves what it gets. Where the pair does not stand, the user was deleted, or has logged in anew.
   */
  expectEchoes(token: AccessToken, places: readonly TokenPlace[] = this.places): void {
    for (const { userId, url } of places) this.#parts.echoes.expect(userId, url, token)
  }

  /**
   * To be called before one caller gets a pair that others renewed. Puts it wherever the spent one still stands: who renewed it did
   * not know of that place, or died.
   */
  async spread(stored: StoredToken): Promise<void> {
    const { token, origin } = stored
    this.expectEchoes(token)
    const { onlyPlace } = this
    if (onlyPlace !== undefined) return this.remember(onlyPlace, stored)
    const { refreshToken } = this.#request
    const now = await this.#readAll()
    const pair = token.refreshToken
    const isOvertaken = now.some(
      (standing) =>
        standing.stored?.token.refreshToken !== pair && isDescendant(standing, refreshToken),
    )
    for (const { place, stored: standing } of now) {
      const holdsPair = standing?.token.refreshToken === pair
      const holdsSpent = standing !== null && this.isSame(standing.token)
      if (holdsSpent && !holdsPair) {
        // The next who asks for it gets what is newest.
        if (isOvertaken) continue
        const own = { ...token, resourceUrl: place.resourceUrl }
        await this.#parts.records.replace(place, standing.token, own, origin)
      }
      if (holdsSpent || holdsPair) this.remember(place, stored)
    }
  }

  #readAll(): Promise<Standing[]> {
    const read = async (place: TokenPlace): Promise<Standing> => ({
      place,
      stored: await this.#parts.records.read(place),
    })
    return Promise.all(this.places.map(read))
  }

  #judge(now: readonly Standing[]): Judgement {
    return judge(this.#request.refreshToken, now, this.#before, (token) => this.#isGood(token))
  }

  #isGood(token: AccessToken): boolean {
    const { refusedTokens, clock } = this.#parts
    if ((expiresAtMs(token) ?? Number.POSITIVE_INFINITY) <= clock.now()) return false
    return refusedTokens.blameAnother(token)
  }
}
