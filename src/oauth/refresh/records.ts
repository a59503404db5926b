import type { AccessToken } from '../../contract.js'
import type { StoredToken, TokenOrigin } from '../../record/origin.js'
import type { Place } from './token-places.js'

/** `superseded`: the record holds another pair. `gone`: there is no record. */
export type Saved = 'replaced' | 'superseded' | 'gone'

/** Access tokens as a coordinated refresh needs them. */
export interface RefreshRecords {
  /** What stands there now; never from a cache. */
  read(place: Place): Promise<StoredToken | null>
  /**
   * Writes `token` if the record still holds the refresh token `expected`, in one step. A resent call finds its own
   * `token` and says `replaced`.
   */
  replace(place: Place, expected: string, token: AccessToken, origin: TokenOrigin): Promise<Saved>
  /** Removes the record if it still holds `refreshToken`, in one step. */
  remove(place: Place, refreshToken: string): Promise<boolean>
  /** When the store was last seen to be away, slow, or back, by `performance.now()`. */
  readonly troubledAtMs: number
}
