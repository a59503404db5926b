import type { UnixMs } from '../clock.js'
import type { AccessToken } from '../contract.js'

/** Until when Redis keeps a record: a time of the record's own, or a span by Redis' clock from the write on. */
export type Lifetime = { readonly expiresAt: UnixMs } | { readonly ttlMs: number } | undefined

/** Milliseconds that records live which have no end of their own. */
export interface RecordTtls {
  /** An access token without `expiresAt` and without refresh token. */
  readonly accessTokenTtl: number
  /** An access token with refresh token. */
  readonly refreshTokenTtl: number
  readonly pkceTtl: number
}

// 1e11 seconds are in the year 5138, 1e11 milliseconds in 1973: no access token expires at either.
const LARGEST_SECONDS = 1e11
// The last time that a Date, and so a caller, can name.
const END_OF_TIME_MS = 8.64e15

/**
 * `AccessToken.expiresAt` in milliseconds. It is documented in seconds, and `@atxp/client` 0.2.22 writes milliseconds.
 */
export function expiresAtMs(token: AccessToken): UnixMs | undefined {
  const { expiresAt } = token
  if (expiresAt === undefined || expiresAt === null) return undefined
  return expiresAt > LARGEST_SECONDS ? Math.min(expiresAt, END_OF_TIME_MS) : expiresAt * 1000
}

/** By the reader's clock, which decides beside Redis'. */
export function isExpired(token: AccessToken, now: UnixMs): boolean {
  const expiresAt = expiresAtMs(token)
  return expiresAt !== undefined && expiresAt <= now
}

/**
 * A refresh token outlives its access token, and is of no use unless the record is still there: so it, not the access
 * token, says how long the record lives. A span and not a time, so that a process whose clock is wrong writes a record that
 * lives as long as everybody else's.
 */
export function accessTokenLifetime(token: AccessToken, ttls: RecordTtls, now: UnixMs): Lifetime {
  const expiresAt = expiresAtMs(token)
  if (token.refreshToken) {
    return { ttlMs: Math.max(ttls.refreshTokenTtl, Math.ceil((expiresAt ?? now) - now)) }
  }
  return expiresAt === undefined ? { ttlMs: ttls.accessTokenTtl } : { expiresAt }
}
