import type { Composition } from '../database/composition.js'
import { operationsOf } from '../database/operations-of.js'
import type { RedisOAuthDatabase } from '../database/redis-oauth-database.js'
import { isUnreadable } from '../leaves/errors.js'
import { restNameOf } from '../oauth/refresh/rests.js'
import { decodeToken } from '../record/codec.js'
import { fingerprintOf, reading } from '../record/fingerprint.js'
import { expiresAtMs } from '../record/lifetime.js'
import type { StoredToken } from '../record/origin.js'
import { inBunches } from '../redis/commands.js'
import type { IndexedRecord } from '../store/vault/indexed-records.js'

/** Why the last refresh of a session failed, and when the next may go out. */
export interface SessionFailure {
  /** The HTTP status of the authorization server's answer, or `no answer`. */
  readonly code: string
  /** How often in a row. */
  readonly failures: number
  readonly nextAttemptAt: Date
}

/** One access token record of a user, without its secrets. */
export interface Session {
  /** Null with `hashKeys` if the record cannot be read. */
  readonly url: string | null
  /** Whether the record can be read. If not, what only the record says is null or false, and {@link findUnreadable} says why. */
  readonly isReadable: boolean
  /** Names the record, as `UNREADABLE_RECORD` does: 12 hex digits of the SHA-256 of its Redis key. */
  readonly fingerprint: string
  /** The protected resource that the token is for. */
  readonly resourceUrl: string | null
  /** When the access token expires; null if the record does not say. */
  readonly expiresAt: Date | null
  /** When Redis removes the record, and with it the refresh token; null if it never does. */
  readonly recordExpiresAt: Date | null
  readonly hasRefreshToken: boolean
  /** When a coordinated refresh last renewed it; null: never since the login, or unknown. */
  readonly lastRefreshedAt: Date | null
  /**
   * The failure of the last refresh of this session, while it is remembered: up to a minute after `nextAttemptAt`. Absent if none is.
   * Failures of the whole authorization server (no answer, 429, 503) are not among them, since they are of no one session.
   */
  readonly lastFailure?: SessionFailure
}

/**
 * Returns the sessions of a user, those too that cannot be read. No secrets. Three round trips, whatever others have, and as many
 * again for each further thousand.
 * @throws RedisOAuthDatabaseError of Redis, such as `TIMEOUT`; an unreadable record is no failure
 * @example
 * ```ts
 * import { sessions } from '@atxp/redis/admin'
 *
 * for (const { url, expiresAt, hasRefreshToken, lastRefreshedAt } of await sessions(db, 'user_123')) {
 *   console.log(url, expiresAt, hasRefreshToken, lastRefreshedAt)
 * }
 * ```
 */
export function sessions(db: RedisOAuthDatabase, userId: string): Promise<Session[]> {
  return operationsOf(db).run('sessions', (parts) => list(parts, userId))
}

async function list(parts: Composition, userId: string): Promise<Session[]> {
  const records = await parts.indexed.of(userId)
  const found: Session[] = []
  for (const some of inBunches(records.filter(({ key }) => key.kind === 'access'))) {
    const described = await Promise.all(some.map((record) => describe(parts, record)))
    found.push(...described.filter((session) => session !== undefined))
  }
  return found
}

/** Undefined if it is gone. */
async function describe(
  parts: Composition,
  { key, refreshedAt }: IndexedRecord,
): Promise<Session | undefined> {
  const [expiry, record] = await Promise.all([
    parts.commands.expiry(key.redisKey),
    read(parts, key),
  ])
  if (expiry === undefined || record === null) return undefined
  const session = {
    url: key.name ?? null,
    isReadable: false,
    fingerprint: fingerprintOf(key),
    resourceUrl: null,
    expiresAt: null,
    recordExpiresAt: dateOf(expiry),
    hasRefreshToken: false,
    lastRefreshedAt: dateOf(refreshedAt),
  }
  if (record === 'unreadable') return session
  const { token } = record.stored
  const failure = token.refreshToken && (await failureOf(parts, token.refreshToken))
  return {
    ...session,
    url: record.name,
    isReadable: true,
    resourceUrl: token.resourceUrl,
    expiresAt: dateOf(expiresAtMs(token)),
    hasRefreshToken: Boolean(token.refreshToken),
    ...(failure && { lastFailure: failure }),
  }
}

async function read(
  { vault }: Composition,
  key: IndexedRecord['key'],
): Promise<{ name: string; stored: StoredToken } | 'unreadable' | null> {
  try {
    const record = await vault.getNamed(key)
    if (record === null) return null
    return { name: record.name, stored: reading(key, () => decodeToken(record.text)) }
  } catch (error) {
    if (isUnreadable(error)) return 'unreadable'
    throw error
  }
}

async function failureOf(
  { rests }: Composition,
  refreshToken: string,
): Promise<SessionFailure | undefined> {
  const rest = await rests.look(restNameOf(refreshToken))
  if (rest === null) return undefined
  const { failures, leftMs, reason } = rest
  return { code: reason, failures, nextAttemptAt: new Date(Date.now() + leftMs) }
}

function dateOf(ms: number | null | undefined): Date | null {
  return ms == null ? null : new Date(ms)
}
