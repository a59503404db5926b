import { inspect } from 'node:util'
import { expect } from 'vitest'
import { RedisOAuthDatabaseError, type RedisOAuthDatabaseErrorCode } from '../../../src/index.js'

/** What no error may show, wherever a test uses it. */
export const SECRETS = {
  username: 'userinfo-of-alice',
  password: 'pa55word-of-alice',
  token: 'token-of-alice',
}

/**
 * Expects that an operation fails with `code`, names the server, and shows none of `SECRETS` anywhere. Gives the error.
 */
export async function expectFailure(
  work: Promise<unknown>,
  code: RedisOAuthDatabaseErrorCode,
  server: string,
): Promise<RedisOAuthDatabaseError> {
  const error = await work.then(
    (value) => new Error(`it succeeded with ${inspect(value)}`),
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(RedisOAuthDatabaseError)
  const failure = error as RedisOAuthDatabaseError
  expect({ code: failure.code, message: failure.message }).toEqual({
    code,
    message: expect.stringContaining(server),
  })
  const shown = shownBy(failure)
  for (const secret of Object.values(SECRETS)) expect(shown).not.toContain(secret)
  return failure
}

/** All that a program could print of an error. */
function shownBy(error: Error): string {
  const { cause } = error as { cause?: Error }
  return [
    error.message,
    error.stack,
    String(cause),
    cause?.stack,
    JSON.stringify(error),
    JSON.stringify(cause),
    inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true }),
  ].join('\n')
}
