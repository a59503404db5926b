import { RedisOAuthDatabaseError } from '../errors.js'

export function loginNotFound(): RedisOAuthDatabaseError {
  return new RedisOAuthDatabaseError(
    'LOGIN_NOT_FOUND',
    'This user has begun no such login, has finished it already, or did not finish it in time. Begin another one',
  )
}

/** For a passing reason: the login stands. */
export function loginDelayed(reason: string, cause?: unknown): RedisOAuthDatabaseError {
  return new RedisOAuthDatabaseError(
    'LOGIN_FAILED',
    `${reason}. Nothing was saved. Open the callback URL again soon, or begin another login`,
    cause === undefined ? undefined : { cause },
  )
}

/** @param reason - a sentence with nothing of the server's own in it but error codes */
export function loginFailed(reason: string, cause?: unknown): RedisOAuthDatabaseError {
  return new RedisOAuthDatabaseError(
    'LOGIN_FAILED',
    `${reason}. Nothing was saved. Begin another login`,
    cause === undefined ? undefined : { cause },
  )
}
