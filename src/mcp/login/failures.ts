import { RedisOAuthDatabaseError } from '../../leaves/errors.js'

export function loginNotFound(): RedisOAuthDatabaseError {
  return new RedisOAuthDatabaseError(
    'LOGIN_NOT_FOUND',
    'this user has begun no login with this state, or it is finished or older than pkceTtl. Begin another login',
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

export function metadataTooLarge(): RedisOAuthDatabaseError {
  return loginFailed('the metadata of the server or of its authorization server is too large')
}

/** What a server says is wrong, by the codes of RFC 6749 sections 4.1.2.1 and 5.2 and others like them; nothing where it says anything else. */
export function errorCode(before: string, error: unknown): string {
  return typeof error === 'string' && /^[a-z_]{1,40}$/.test(error) ? `${before}${error}` : ''
}
