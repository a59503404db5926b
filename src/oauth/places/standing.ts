import { fingerprint } from '../../flight/fingerprint.js'
import type { AccessToken } from '../../leaves/contract.js'
import type { StoredToken, TokenOrigin } from '../../record/origin.js'
import type { TokenPlace } from './token-places.js'

/** A place of the refresh token that was sent, and what stands there now. */
export interface Standing {
  readonly place: TokenPlace
  readonly stored: StoredToken | null
}

/**
 * What the records say of a refresh token. `renewed`: by another; `gone`: it stands nowhere any more, and nothing that
 * stands there may answer; `due`: it has to be sent.
 */
export type Judgement =
  | { kind: 'renewed'; stored: StoredToken }
  | { kind: 'gone' }
  | { kind: 'due' }

const DUE = { kind: 'due' } as const

/** The line of the pair with this refresh token, which its record's origin names unless it began there. */
export function lineOf(refreshToken: string, { line }: TokenOrigin): string {
  return line ?? fingerprint('line', refreshToken).slice(0, 32)
}

/**
 * The rule of lineage. A refresh is answered only by what descends from the token that was sent, or, where this process knows
 * that token at one place only, by a newer login of the same user at that place. What stands at one of several places
 * otherwise is another session, perhaps of another user.
 *
 * @param before - what stood there on arrival: a server that does not rotate leaves the refresh token as it was, and there
 *   only the access token tells
 * @param isGood - whether a record that nobody has touched can be used all the same
 */
export function judge(
  refreshToken: string,
  now: readonly Standing[],
  before: readonly Standing[],
  isGood: (token: AccessToken) => boolean,
): Judgement {
  let isDue = false
  for (const [index, standing] of now.entries()) {
    const { stored } = standing
    if (stored === null) continue
    const { token } = stored
    if (token.refreshToken === refreshToken) {
      const isTouched = token.accessToken !== before[index]?.stored?.token.accessToken
      if (isTouched || isGood(token)) return { kind: 'renewed', stored }
      isDue = true
    } else if (now.length === 1 || isDescendant(standing, refreshToken)) {
      return { kind: 'renewed', stored }
    }
  }
  return isDue ? DUE : { kind: 'gone' }
}

/** Whether what stands at a place has come from the pair with this refresh token, and is another by now. */
export function isDescendant({ place, stored }: Standing, refreshToken: string): boolean {
  const own = stored?.token.refreshToken
  if (stored === null || own === undefined || own === refreshToken) return false
  return lineOf(own, stored.origin) === lineOf(refreshToken, place.origin)
}
