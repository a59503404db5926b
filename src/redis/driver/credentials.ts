import type { Redis } from 'ioredis'
import { RedisOAuthDatabaseError } from '../../errors.js'

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
  const credentials = await ask(provider, timeoutMs)
  if (typeof credentials?.password !== 'string')
    throw unavailable('it must give { username?, password }')
  const { options } = client
  delete options.username
  if (credentials.username !== undefined) options.username = credentials.username
  options.password = credentials.password
}

async function ask(provider: CredentialsProvider, timeoutMs: number): Promise<Credentials> {
  const lateness = unavailable(`it took longer than ${timeoutMs} ms`)
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(lateness), timeoutMs)
    timer.unref()
  })
  try {
    return await Promise.race([Promise.resolve().then(provider), late])
  } catch (error) {
    throw error === lateness ? error : unavailable('it threw an error')
  } finally {
    clearTimeout(timer)
  }
}

function unavailable(reason: string): RedisOAuthDatabaseError {
  return new RedisOAuthDatabaseError(
    'CREDENTIALS_UNAVAILABLE',
    `options.credentials gave nothing to log in to Redis with: ${reason}`,
  )
}
