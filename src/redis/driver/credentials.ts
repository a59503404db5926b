import type { Redis } from 'ioredis'
import { within } from '../../leaves/clock.js'
import { RedisOAuthDatabaseError } from '../../leaves/errors.js'
import { setCredentials } from './internals/clients.js'

/** What Redis is asked to let in; without `username` it is Redis' user `default`. */
export interface Credentials {
  readonly username?: string | undefined
  readonly password: string
}

/** Asked before each connection, for passwords that change: tokens of IAM or Entra, a rotated secret. */
export type CredentialsProvider = () => Promise<Credentials> | Credentials

/**
 * Has the client's next connection use what the provider gives.
 * @throws RedisOAuthDatabaseError `CREDENTIALS_UNAVAILABLE`; what the provider threw is left out, it may hold a secret
 */
export async function authenticate(
  client: Redis,
  provider: CredentialsProvider,
  timeoutMs: number,
): Promise<void> {
  const asked = Promise.resolve()
    .then(provider)
    .catch(() => {
      throw unavailable('it threw an error')
    })
  const credentials = await within(timeoutMs, asked, () =>
    unavailable(`it took longer than ${timeoutMs} ms`),
  )
  if (!isCredentials(credentials))
    throw unavailable('it must give { username?, password }, both text, and nothing else')
  setCredentials(client, credentials.username, credentials.password)
}

function isCredentials(given: Credentials | null | undefined): given is Credentials {
  const { username, password, ...others } = Object(given) as Credentials
  const isName = username === undefined || typeof username === 'string'
  return isName && typeof password === 'string' && Object.keys(others).length === 0
}

function unavailable(reason: string): RedisOAuthDatabaseError {
  return new RedisOAuthDatabaseError(
    'CREDENTIALS_UNAVAILABLE',
    `options.credentials gave no login for Redis: ${reason}. Check what this function asks`,
  )
}
