import type { RedisOAuthDatabase } from './database/redis-oauth-database.js'
import type { ResealOptions, ResealProgress } from './store/bulk/reseal.js'

export { doctor } from './admin/doctor/doctor.js'
export type { Finding, FindingCode } from './admin/doctor/finding.js'
export {
  type ImportPublishedOptions,
  type ImportPublishedProgress,
  importPublished,
  type RefusedPublished,
} from './admin/published/import-published.js'
export { type Registration, registrations } from './admin/registrations.js'
export { revokeSession, revokeUser } from './admin/revoke.js'
export { type Session, type SessionFailure, sessions } from './admin/sessions.js'
export {
  type ExportOptions,
  type ExportProgress,
  exportRecords,
} from './admin/transfer/export.js'
export {
  type ImportOptions,
  type ImportProgress,
  importRecords,
  type RefusedLine,
} from './admin/transfer/import.js'
export type { ImportResult } from './admin/transfer/intake.js'
export type { RefusalReason } from './admin/transfer/put.js'
export { findUnreadable, type SealedKind, type UnreadableRecord } from './admin/unreadable.js'
export { users } from './admin/users.js'
export type { WalkOptions, WalkProgress } from './admin/walk.js'
export type { Decrypt } from './record/published.js'
export type { ResealOptions, ResealProgress } from './store/bulk/reseal.js'

/**
 * Encrypts again every record that is plain or encrypted with an old key: `db.reseal()`, beside the other functions of an operator.
 * @throws TypeError without `encryption`
 * @throws RedisOAuthDatabaseError `ABORTED` by `options.signal`
 * @example
 * ```ts
 * import { RedisOAuthDatabase } from '@atxp/redis'
 * import { reseal } from '@atxp/redis/admin'
 *
 * const db = RedisOAuthDatabase.fromEnv({
 *   encryption: { keys: [{ id: 'new', key: '6E3q2M0vWl5oZC9yT4uXbA8dNfRkJhGsPiQwLcVmU1Y' }], acceptPlaintext: true },
 * })
 * const { resealed } = await reseal(db)
 * await db.close()
 * ```
 */
export function reseal(
  db: RedisOAuthDatabase,
  options: ResealOptions = {},
): Promise<ResealProgress> {
  return db.reseal(options)
}
