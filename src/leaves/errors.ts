/** Where messages lead to: the package has no pages of its own. */
export const DOCS = 'https://github.com/atxp-dev/redis/blob/main/docs'

/** Why an operation failed. Callers match this, never the message. */
export type RedisOAuthDatabaseErrorCode =
  /** Nothing listens at host and port. */
  | 'CONNECTION_REFUSED'
  /** The host's name does not resolve. */
  | 'HOST_NOT_FOUND'
  /** The Sentinels know no master of this name. */
  | 'MASTER_NOT_FOUND'
  /** What listens there does not speak Redis' protocol. */
  | 'NOT_REDIS'
  /** No connection was established within `connectionTimeout`, or, in an outage, within the operation's `commandTimeout`. */
  | 'CONNECTION_TIMEOUT'
  /** The connection was dropped and not re-established in time. */
  | 'CONNECTION_LOST'
  /** The TLS handshake failed: a certificate or protocol that one side refuses. */
  | 'TLS_FAILED'
  /** Redis asks for a password and none was given. */
  | 'AUTHENTICATION_REQUIRED'
  /** Redis refused user name or password. */
  | 'AUTHENTICATION_FAILED'
  /** The `credentials` function failed or took longer than `connectionTimeout`. */
  | 'CREDENTIALS_UNAVAILABLE'
  /** The Redis user may not run this command or touch this key. */
  | 'PERMISSION_DENIED'
  /** The server has no database of that number. */
  | 'DATABASE_OUT_OF_RANGE'
  /** Redis is at `maxmemory` and may not evict. */
  | 'OUT_OF_MEMORY'
  /** The server takes no writes: it is a replica, or a master with fewer replicas than `min-replicas-to-write`. */
  | 'READ_ONLY'
  /** The server still loads its data, or is a replica that lost its master and may not answer without it. */
  | 'LOADING'
  /** The server has no connection left to give (`maxclients`). */
  | 'TOO_MANY_CLIENTS'
  /** Part of the Cluster's hash slots is not served. */
  | 'CLUSTER_DOWN'
  /** No answer within `commandTimeout`, and nothing was changed. */
  | 'TIMEOUT'
  /** A write was sent and no answer came: it may or may not have happened. */
  | 'OUTCOME_UNKNOWN'
  /** The write was made, and not enough replicas confirmed it in time: a failover now could lose it. */
  | 'NOT_DURABLE'
  /** `close()` was called, or the borrowed `client` has ended. */
  | 'CLOSED'
  /** The caller's `AbortSignal` ended the work. */
  | 'ABORTED'
  /** The authorization server keeps failing, so no refresh is sent to it for now; `retryAfterMs` says for how long. */
  | 'REFRESH_RESTING'
  /**
   * The authorization server could not be asked to refresh, or failed at it; `cause` says more where it gave no answer. The session
   * stands as it was.
   */
  | 'REFRESH_FAILED'
  /** No login has begun with this `state` for this user, or it was finished already, or more than ten minutes ago. */
  | 'LOGIN_NOT_FOUND'
  /**
   * The callback, or the authorization server, says that the login has failed. The user has to log in again; where the server could not be
   * reached or is failing, the same callback can finish the login later.
   */
  | 'LOGIN_FAILED'
  /** Others changed the record each time before a conditional write could; nothing was changed. */
  | 'CONFLICT'
  /** The record is there and cannot be read. */
  | 'UNREADABLE_RECORD'
  /** `encryption.seal` or `encryption.open` of the caller's failed. */
  | 'SEALING_FAILED'
  /** The key holds a Redis type that this library never writes. */
  | 'WRONG_TYPE'
  /** The server does not know an argument that Redis 6.2 and later know; nothing was changed. */
  | 'SERVER_TOO_OLD'
  /** The server, or a proxy in front of it, has no such command or blocks it; nothing was changed. */
  | 'UNSUPPORTED_BY_SERVER'
  /** An entry given to `storeTokens` is not one, or what was given to `importRecords` is no export. */
  | 'INVALID_ENTRY'
  /** The iterable given to `storeTokens` or an import threw, or an export that is imported is not whole. */
  | 'SOURCE_FAILED'
  /** Any other error that Redis answered; the message has Redis' own error prefix. */
  | 'REDIS_ERROR'

/**
 * Every failure at run time. `code` says which; the message says what failed, against which server, and what
 * to do next. Neither the message, nor `cause`, nor any property holds a token, a password or a record.
 */
export class RedisOAuthDatabaseError extends Error {
  readonly code: RedisOAuthDatabaseErrorCode
  declare readonly cause?: unknown
  /** The method that failed, as `storeToken`. */
  readonly operation: string | undefined
  /** The server that it spoke with, as `host:port`. */
  readonly server: string | undefined
  /** With `REFRESH_RESTING`: when to retry, in milliseconds from now. */
  declare readonly retryAfterMs?: number
  /**
   * With `UNREADABLE_RECORD`: which record it is, by the first 12 hex digits of the SHA-256 of its Redis key. `atxp-redis find` finds
   * the record by it, and `findUnreadable` of `@atxp/redis/admin` shows the same.
   */
  declare readonly fingerprint?: string

  constructor(code: RedisOAuthDatabaseErrorCode, message: string, options?: { cause?: unknown }) {
    super(message)
    this.code = code
    this.operation = undefined
    this.server = undefined
    if (options !== undefined && 'cause' in options) setCause(this, options.cause)
  }

  override get name(): string {
    return 'RedisOAuthDatabaseError'
  }

  /**
   * The same failure, of this method. Another object: several calls may have failed with one command.
   * @internal
   */
  named(operation: string, server: string): RedisOAuthDatabaseError {
    return nameError(this.#copy(), operation, server)
  }

  /**
   * The same failure, of the record of this fingerprint.
   * @internal
   */
  ofRecord(fingerprint: string): RedisOAuthDatabaseError {
    const error = Object.assign(this.#copy(), { fingerprint })
    error.message += ` (record ${fingerprint})`
    return error
  }

  #copy(): RedisOAuthDatabaseError {
    const options = this.cause === undefined ? undefined : { cause: this.cause }
    const copy = new RedisOAuthDatabaseError(this.code, this.message, options)
    const { retryAfterMs, fingerprint } = this
    if (retryAfterMs !== undefined) Object.assign(copy, { retryAfterMs })
    if (fingerprint !== undefined) Object.assign(copy, { fingerprint })
    return copy
  }
}

/** For an error that no other call has. */
export function nameError<E extends RedisOAuthDatabaseError>(
  error: E,
  operation: string,
  server: string,
): E {
  error.message = `${operation} failed: ${error.message}`
  return Object.assign(error, { operation, server })
}

/**
 * Why `deleteTokens` or `deleteUser` did not delete all. `code` is that of the first failure, but `OUTCOME_UNKNOWN` where
 * that holds for any.
 */
export class DeletionError extends RedisOAuthDatabaseError {
  /** Records that were there and that this call has removed. */
  readonly removed: number
  /** Deletions that were tried and failed. */
  readonly failed: number
  /** Deletions that were not tried, because Redis was away; those that `deleteUser` had not found yet are not among them. */
  readonly notTried: number

  constructor(
    code: RedisOAuthDatabaseErrorCode,
    message: string,
    counts: { removed: number; failed: number; notTried: number },
    options?: { cause?: unknown },
  ) {
    super(code, message, options)
    this.removed = counts.removed
    this.failed = counts.failed
    this.notTried = counts.notTried
  }

  override get name(): string {
    return 'DeletionError'
  }

  /** @internal */
  override named(operation: string, server: string): DeletionError {
    return nameError(this, operation, server)
  }
}

/** As `new Error(message, { cause })` does from Node 16.9 on. */
export function setCause<E extends Error>(error: E, cause: unknown): E {
  return Object.defineProperty(error, 'cause', { value: cause, writable: true, configurable: true })
}

const UNREADABLE =
  'the record cannot be read: its key is not in encryption.keys, it was altered or moved, it is plain, or a newer version wrote it. ' +
  'It was not changed. npx atxp-redis find FINGERPRINT says whose it is and why'

/** The one answer to every record that cannot be opened: telling the reasons apart would help whoever forges records. */
export function unreadableRecord(): RedisOAuthDatabaseError {
  return new RedisOAuthDatabaseError('UNREADABLE_RECORD', UNREADABLE)
}

/** What events say of a failure: the code of an error of ours, null of any other. */
export function codeIn(error: unknown): string | null {
  return error instanceof RedisOAuthDatabaseError ? error.code : null
}

/** Whether it is one record that cannot be read, and not Redis. */
export function isUnreadable(error: unknown): boolean {
  if (!(error instanceof RedisOAuthDatabaseError)) return false
  return error.code === 'UNREADABLE_RECORD' || error.code === 'WRONG_TYPE'
}

type Codes = ReadonlySet<RedisOAuthDatabaseErrorCode>

/** Redis does not serve, for now. */
export const AWAY_CODES: Codes = new Set([
  'CONNECTION_REFUSED',
  'CONNECTION_TIMEOUT',
  'CONNECTION_LOST',
  'HOST_NOT_FOUND',
  'MASTER_NOT_FOUND',
  'NOT_REDIS',
  'TIMEOUT',
  'OUTCOME_UNKNOWN',
  'TOO_MANY_CLIENTS',
  'LOADING',
  'CLUSTER_DOWN',
  'READ_ONLY',
])

/** Redis has answered, and no. */
export const REFUSED_CODES: Codes = new Set([
  'REDIS_ERROR',
  'PERMISSION_DENIED',
  'UNSUPPORTED_BY_SERVER',
])

/** A save that failed so will not succeed by being repeated. Everything else may pass. */
export const FINAL_SAVE_CODES: Codes = new Set(['UNREADABLE_RECORD', 'WRONG_TYPE', 'CLOSED'])

/** No connection, and connecting again soon would not mend it: calls that wait for one fail at once. */
export const PERSISTENT_CODES: Codes = new Set([
  'AUTHENTICATION_FAILED',
  'AUTHENTICATION_REQUIRED',
  'CREDENTIALS_UNAVAILABLE',
  'DATABASE_OUT_OF_RANGE',
  'LOADING',
  'TOO_MANY_CLIENTS',
])
