import {
  DOCS,
  RedisOAuthDatabaseError,
  type RedisOAuthDatabaseErrorCode,
} from '../../leaves/errors.js'
import type { HealthWarningCode } from '../../redis/health-warnings.js'

/** What a finding is about. Where calls fail because of it, the code is that of their errors. */
export type FindingCode =
  | RedisOAuthDatabaseErrorCode
  | HealthWarningCode
  /** A round trip takes longer than 100 ms. */
  | 'SLOW'
  /** Some of the Sentinels do not answer. */
  | 'SENTINEL_DOWN'
  /** Tokens travel as they are. */
  | 'NO_TLS'
  /** Records stand in Redis as they are. */
  | 'NO_ENCRYPTION'
  /** Records are plain, or encrypted with a key that is no longer the first. */
  | 'OLD_KEYS'
  /** Records stand under names that another `hashKeys.key` made. */
  | 'OTHER_HASH_KEY'
  /** Something else writes under this `keyPrefix`. */
  | 'FOREIGN_KEYS'

/** One fact about a database, and what to do about it. */
export interface Finding {
  /** `ok`; `advice`: works, and could be better; `trouble`: calls fail because of it, or data may be lost. */
  readonly mark: 'ok' | 'advice' | 'trouble'
  /** What is so, in a sentence. */
  readonly fact: string
  /** What to do; null with `ok`. */
  readonly advice: string | null
  /** Null with `ok`. */
  readonly code: FindingCode | null
}

export function ok(fact: string): Finding {
  return { mark: 'ok', fact, advice: null, code: null }
}

export function advice(code: FindingCode, fact: string, whatToDo: string): Finding {
  return { mark: 'advice', fact, advice: whatToDo, code }
}

export function trouble(code: FindingCode, fact: string, whatToDo: string): Finding {
  return { mark: 'trouble', fact, advice: whatToDo, code }
}

/** @throws what is no failure of Redis, or says that the caller ended the work */
export function troubleOf(error: unknown): Finding {
  if (!(error instanceof RedisOAuthDatabaseError)) throw error
  if (error.code === 'ABORTED' || error.code === 'CLOSED') throw error
  const [fact, whatToDo] = parted(error.message.replace(/^\w+ failed: /, ''))
  return trouble(error.code, fact, whatToDo ?? `See ${DOCS}/errors.md#by-code`)
}

/** Messages say first what is so, and behind the first full stop what to do. */
export function parted(message: string): [fact: string, advice: string | undefined] {
  const end = message.indexOf('. ')
  return end < 0 ? [message, undefined] : [message.slice(0, end), message.slice(end + 2)]
}
