import { createHash } from 'node:crypto'
import { RedisOAuthDatabaseError } from '../leaves/errors.js'
import type { FoundKey } from './keys.js'

const DIGITS = 12

/** Names a record where its key, which may have secrets of the caller's in it, must not stand. */
export function fingerprintOf({ redisKey }: Pick<FoundKey, 'redisKey'>): string {
  return createHash('sha256').update(redisKey).digest('hex').slice(0, DIGITS)
}

/** Has `UNREADABLE_RECORD` of what reads a record say which record that is. */
export function reading<T>(key: FoundKey, read: () => T): T {
  try {
    const result = read()
    if (!(result instanceof Promise)) return result
    return result.catch((error: unknown) => {
      throw located(error, key)
    }) as T
  } catch (error) {
    throw located(error, key)
  }
}

function located(error: unknown, key: FoundKey): unknown {
  if (!(error instanceof RedisOAuthDatabaseError) || error.code !== 'UNREADABLE_RECORD')
    return error
  return error.fingerprint === undefined ? error.ofRecord(fingerprintOf(key)) : error
}
