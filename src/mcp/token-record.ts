import type { AccessToken } from '../leaves/contract.js'
import { isShort } from '../record/codec.js'
import { expiresAtAfter, expiresIn } from '../record/lifetime.js'
import type { McpTokens } from './shapes.js'

/** Members that a record has under names of its own. */
type Renamed = 'access_token' | 'refresh_token' | 'expires_in'

/** The record of an SDK's tokens: all of their members, or, where those make it too long, the tokens and who issued them. */
export function recordOf(tokens: McpTokens, serverUrl: string, now: number): AccessToken {
  const { access_token, refresh_token, expires_in, ...members } = tokens
  const {
    refreshToken: _,
    expiresAt: __,
    ...others
  } = members as Partial<AccessToken> & typeof members
  const expiresAt = expiresAtAfter(expires_in, now)
  const own = {
    accessToken: access_token,
    // What a token endpoint gives may be of another type.
    ...(refresh_token && typeof refresh_token === 'string' && { refreshToken: refresh_token }),
    ...(expiresAt !== undefined && { expiresAt }),
    resourceUrl: serverUrl,
  }
  const record = { ...others, ...own }
  if (isShort(record)) return record
  const { issuer, authorization_server, token_endpoint } = tokens
  const stamps = { issuer, authorization_server, token_endpoint }
  return { ...stamps, ...own }
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
