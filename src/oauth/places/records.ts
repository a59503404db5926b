import type { AccessToken } from '../../leaves/contract.js'
import type { StoredToken, TokenOrigin } from '../../record/origin.js'
import type { Place } from './token-places.js'

/** `superseded`: the record holds another pair. `gone`: there is no record. */
export type Saved = 'replaced' | 'superseded' | 'gone'

/** Access tokens as a coordinated refresh needs them. */
export interface RefreshRecords {
  /** What stands there now; never from a cache. */
  read(place: Place): Promise<StoredToken | null>
  /** Writes `token` if the record `givesWay` to it, in one step. A resent call finds its own `token` and says `replaced`. */
  replace(
    place: Place,
    expected: AccessToken,
    token: AccessToken,
    origin: TokenOrigin,
  ): Promise<Saved>
  /** Removes the record if it still holds `refreshToken`, in one step. */
  remove(place: Place, refreshToken: string): Promise<boolean>
  /** When the store was last seen to be away, slow, or back, by `performance.now()`. */
  readonly troubledAtMs: number
}

/**
 * Whether what stands in a record gives way to `token`, which has come of `expected`: it holds the refresh token that was spent. One
 * that stays in force says nothing: there it has to be the same access token, or others have renewed it meanwhile.
 */
export function givesWay(
  standing: AccessToken,
  expected: AccessToken,
  token: AccessToken,
): boolean {
  const { accessToken, refreshToken } = standing
  if (refreshToken !== expected.refreshToken) {
    return refreshToken === token.refreshToken && accessToken === token.accessToken
  }
  const isSpent = token.refreshToken !== expected.refreshToken
  return isSpent || accessToken === expected.accessToken || accessToken === token.accessToken
}
