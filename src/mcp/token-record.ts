import type { AccessToken } from '../leaves/contract.js'
import { expiresAtAfter, expiresIn } from '../record/lifetime.js'
import type { McpTokens } from './shapes.js'

/** Members that a record has under names of its own. */
type Renamed = 'access_token' | 'refresh_token' | 'expires_in'

/** The record of an SDK's tokens: all of their members. */
export function recordOf(tokens: McpTokens, serverUrl: string, now: number): AccessToken {
  const { access_token, refresh_token, expires_in, ...members } = tokens
  const {
    refreshToken: _,
    expiresAt: __,
    ...others
  } = members as Partial<AccessToken> & typeof members
  const expiresAt = expiresAtAfter(expires_in, now)
  return {
    ...others,
    accessToken: access_token,
    ...(refresh_token && { refreshToken: refresh_token }),
    ...(expiresAt !== undefined && { expiresAt }),
    resourceUrl: serverUrl,
  }
}

/** The tokens in a record, whoever saved it. `expires_in` is what is left of it: an SDK may save again what it has read. */
export function tokensOf(record: AccessToken, now: number): McpTokens {
  const { accessToken, refreshToken, expiresAt: _, resourceUrl: __, ...others } = record
  const seconds = expiresIn(record, now)
  return {
    token_type: 'Bearer',
    ...(others as Omit<Partial<McpTokens>, Renamed>),
    access_token: accessToken,
    ...(refreshToken && { refresh_token: refreshToken }),
    ...(seconds !== undefined && { expires_in: seconds }),
  }
}
