import { operationsOf } from '../database/operations-of.js'
import type { RedisOAuthDatabase } from '../database/redis-oauth-database.js'
import { publishSession } from '../leaves/diagnostics.js'

/**
 * Ends all sessions of a user, and logins that have begun: `deleteUser`, with an event `userRevoked` on `CHANNELS.session`. It does
 * not tell the authorization server: a token that a process or a thief still holds works there until it expires. Revoke it there as
 * well (RFC 7009). Two round trips, and one more for each further thousand records.
 * @returns how many records it removed
 * @throws DeletionError if it could not delete all; call it again to go on
 * @example
 * ```ts
 * import { revokeUser } from '@atxp/redis/admin'
 *
 * console.log(await revokeUser(db, 'user_123')) // 0
 * ```
 */
export async function revokeUser(db: RedisOAuthDatabase, userId: string): Promise<number> {
  operationsOf(db)
  const removed = await db.deleteUser(userId)
  publishSession('userRevoked', { count: removed })
  return removed
}

/**
 * Ends one session: `deleteAccessToken`, with an event `sessionRevoked` on `CHANNELS.session`. It does not tell the authorization
 * server, as {@link revokeUser}. One round trip.
 * @returns true only if this call removed it
 * @throws RedisOAuthDatabaseError `OUTCOME_UNKNOWN` if the connection broke before it was known whether this call removed it
 * @example
 * ```ts
 * import { revokeSession } from '@atxp/redis/admin'
 *
 * console.log(await revokeSession(db, 'user_123', 'https://browse.mcp.atxp.ai/')) // false
 * ```
 */
export async function revokeSession(
  db: RedisOAuthDatabase,
  userId: string,
  url: string,
): Promise<boolean> {
  operationsOf(db)
  const isRemoved = await db.deleteAccessToken(userId, url)
  publishSession('sessionRevoked', { count: isRemoved ? 1 : 0 })
  return isRemoved
}
