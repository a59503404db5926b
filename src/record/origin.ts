import type { AccessToken } from '../leaves/contract.js'

/** Where a pair of tokens comes from. It stands in the record, and callers never see it. */
export interface TokenOrigin {
  /** The authorization server's issuer (RFC 8414), where this library knew it when the pair was saved. */
  readonly issuer?: string | undefined
  /** The token endpoint that issued the pair, where its issuer is known. */
  readonly endpoint?: string | undefined
  /** The same in all pairs that descend from one login: a hash of its refresh token. */
  readonly line?: string | undefined
}

/** An access token as its record holds it. */
export interface StoredToken {
  readonly token: AccessToken
  readonly origin: TokenOrigin
}

/** The member of the record that holds the origin. */
const MEMBER = '~'
/** Of that member. A record without it is of the same format. */
const FORMAT = 1
const NONE: TokenOrigin = {}

type Members = AccessToken & { [MEMBER]?: unknown }

/** The object to be stored. */
export function withOrigin(token: AccessToken, origin: TokenOrigin | undefined): AccessToken {
  if (origin === undefined && !(MEMBER in token)) return token
  const { [MEMBER]: _, ...members }: Members = token
  const stored: Members = members
  if (origin !== undefined) stored[MEMBER] = { format: FORMAT, ...origin }
  return stored
}

/** Takes the origin off a stored object. Undefined for a format that a newer version of this library writes. */
export function splitOrigin(stored: AccessToken): StoredToken | undefined {
  const token: Members = stored
  if (!(MEMBER in token)) return { token, origin: NONE }
  const member: Partial<Record<keyof TokenOrigin | 'format', unknown>> = Object(token[MEMBER])
  delete token[MEMBER]
  const { format = FORMAT } = member
  if (typeof format !== 'number' || format > FORMAT) return undefined
  return {
    token,
    origin: {
      issuer: textOf(member.issuer),
      endpoint: textOf(member.endpoint),
      line: textOf(member.line),
    },
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
