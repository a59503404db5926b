import type { UnixMs } from '../leaves/clock.js'
import type { AccessToken } from '../leaves/contract.js'

/** How long Redis keeps a record: until a time, or for a span from the write on, by Redis' clock. Undefined: for ever. */
export type Lifetime = { readonly expiresAt: UnixMs } | { readonly ttlMs: number } | undefined

/** Milliseconds that records without an expiry of their own live. */
export interface RecordTtls {
  /** An access token without `expiresAt` and without refresh token. */
  readonly accessTokenTtl: number
  /** An access token with refresh token. */
  readonly refreshTokenTtl: number
  readonly pkceTtl: number
}

type Expiring = Pick<AccessToken, 'expiresAt'>

// In milliseconds the year 2001, long before the first OAuth token; in seconds the year 33658. The year 9999 in seconds, which
// often stands for "never", is a quarter of it.
const FIRST_MILLISECONDS = 1e12
// 1980, in seconds: what is before is a span of time, such as the `expires_in` of a token response.
const FIRST_SECONDS = 315_532_800
/** The last time that a Date, and so a caller, can name. */
export const END_OF_TIME_MS = 8.64e15

/**
 * `AccessToken.expiresAt` in whole milliseconds; undefined where there is none, or 0, which the SDK reads as none. It is
 * documented in seconds, and `@atxp/client` 0.2.22 writes milliseconds.
 */
export function expiresAtMs({ expiresAt }: Expiring): UnixMs | undefined {
  if (!expiresAt) return undefined
  const ms = isMilliseconds(expiresAt) ? expiresAt : expiresAt * 1000
  return Math.floor(Math.min(ms, END_OF_TIME_MS))
}

/** @throws TypeError where `expiresAt` is a span and not a time: the record would have expired long ago */
export function checkIsTime({ expiresAt }: Expiring): void {
  if (!expiresAt || expiresAt >= FIRST_SECONDS) return
  throw new TypeError(
    `token.expiresAt must be a Unix time in seconds or milliseconds, and ${expiresAt} is a span: add it to the present time`,
  )
}

/**
 * The `expiresAt` that `expires_in` of a token response (RFC 6749 section 5.1) comes to: in the unit of the one before it; in seconds, as
 * documented, where there was none. What is below 0 ends now. Undefined where the response does not say.
 */
export function expiresAtAfter(
  expiresIn: unknown,
  now: UnixMs,
  before: Expiring = {},
): number | undefined {
  // Some servers send it as text. Of what else one may send, the conversion could throw.
  const isNumber = typeof expiresIn === 'number' || typeof expiresIn === 'string'
  const ms = now + (isNumber ? Math.max(0, Number(expiresIn)) : Number.NaN) * 1000
  if (!Number.isFinite(ms)) return undefined
  return before.expiresAt && isMilliseconds(before.expiresAt) ? ms : Math.floor(ms / 1000)
}

/** What is left of it, as `expires_in` says it: whole seconds, from 0. */
export function expiresIn(token: Expiring, now: UnixMs): number | undefined {
  const expiresAt = expiresAtMs(token)
  return expiresAt === undefined ? undefined : Math.max(0, Math.floor((expiresAt - now) / 1000))
}

/** By the reader's clock. Redis decides by its own as well. */
export function isExpired(token: Expiring, now: UnixMs): boolean {
  const expiresAt = expiresAtMs(token)
  return expiresAt !== undefined && expiresAt <= now
}

/**
 * A refresh token outlives its access token and is useless once the record is gone. So the refresh token decides how long the
 * record lives. That is a span and not a time, so that records of a process with a wrong clock live as long as all others.
 */
export function accessTokenLifetime(token: AccessToken, ttls: RecordTtls, now: UnixMs): Lifetime {
  const expiresAt = expiresAtMs(token)
  if (token.refreshToken) {
    return { ttlMs: Math.max(ttls.refreshTokenTtl, (expiresAt ?? now) - now) }
  }
  return expiresAt === undefined ? { ttlMs: ttls.accessTokenTtl } : { expiresAt }
}

function isMilliseconds(expiresAt: number): boolean {
  return expiresAt >= FIRST_MILLISECONDS
}
