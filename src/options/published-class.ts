import type { BorrowedClient } from '../redis/borrowed-client.js'
import { MAX_TTL_MS } from './nested-rules.js'
import { isIoredis } from './rules.js'

/** What `RedisOAuthDb` logs with. */
export interface RedisOAuthDbLogger {
  warn(message: string): void
}

/** Of `RedisOAuthDb`: those of the class of version 0.11 and before. */
export interface RedisOAuthDbOptions {
  /**
   * A Redis URL, or a client of ioredis 5 or 6, which `close()` quits.
   * @example
   * ```ts
   * import { Redis } from 'ioredis'
   * import { RedisOAuthDb } from '@atxp/redis'
   *
   * const old = new RedisOAuthDb({ redis: new Redis(process.env.REDIS_URL ?? '') })
   * await old.close()
   * ```
   */
  redis: string | BorrowedClient
  /**
   * Seals what is written; together with `decrypt`. Left out: records are plain.
   * @example
   * ```ts
   * import { RedisOAuthDb } from '@atxp/redis'
   *
   * const old = new RedisOAuthDb({
   *   redis: process.env.REDIS_URL ?? '',
   *   encrypt: (text) => Buffer.from(text).toString('base64'),
   *   decrypt: (text) => Buffer.from(text, 'base64').toString(),
   * })
   * await old.close()
   * ```
   */
  encrypt?: ((text: string) => string) | undefined
  /**
   * Opens what `encrypt` made, by this class or the one before.
   * @example
   * ```ts
   * import { RedisOAuthDb } from '@atxp/redis'
   *
   * const old = new RedisOAuthDb({
   *   redis: process.env.REDIS_URL ?? '',
   *   encrypt: (text) => Buffer.from(text).toString('base64'),
   *   decrypt: (text) => Buffer.from(text, 'base64').toString(),
   * })
   * await old.close()
   * ```
   */
  decrypt?: ((text: string) => string) | undefined
  /**
   * Is told, without secrets, that a client could not be quit.
   * @example
   * ```ts
   * import { RedisOAuthDb } from '@atxp/redis'
   *
   * const old = new RedisOAuthDb({ redis: process.env.REDIS_URL ?? '', logger: console })
   * await old.close()
   * ```
   */
  logger?: RedisOAuthDbLogger | undefined
  /** @defaultValue `'oauth:'` */
  keyPrefix?: string | undefined
  /** How long every access token record lives that has no expiry, or a refresh token, in seconds. */
  ttl?: number | undefined
  /**
   * How long an access token record lives that has neither expiry nor refresh token, in seconds, unless `ttl` says.
   * @defaultValue `86400` (24 hours)
   */
  defaultTtl?: number | undefined
}

const MAX_SECONDS = MAX_TTL_MS / 1_000

const NAMES: readonly string[] = [
  'redis',
  'encrypt',
  'decrypt',
  'logger',
  'keyPrefix',
  'ttl',
  'defaultTtl',
]

type Unchecked = Partial<Record<keyof RedisOAuthDbOptions, unknown>>

/** @throws TypeError that names the option that is wrong and what it takes */
export function checkPublishedOptions(options: unknown): asserts options is RedisOAuthDbOptions {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError('options must be an object')
  }
  const unknown = Object.keys(options).find((name) => !NAMES.includes(name))
  if (unknown !== undefined) {
    throw new TypeError(
      `options.${unknown} is not an option of RedisOAuthDb; those are ${NAMES.join(', ')}. RedisOAuthDatabase has more`,
    )
  }
  const { redis, logger, ttl, defaultTtl } = options as Unchecked
  if (typeof redis !== 'string' && !isIoredis(redis)) {
    throw new TypeError(
      'options.redis must be a Redis URL, or a client of ioredis 5 or 6: a record and its index are written by one script, ' +
        'which get, set, setex and del of another client cannot send',
    )
  }
  checkHooks(options as Unchecked)
  if (logger !== undefined && typeof Object(logger).warn !== 'function') {
    throw new TypeError('options.logger must have a method warn')
  }
  checkSeconds('ttl', ttl)
  checkSeconds('defaultTtl', defaultTtl)
}

function checkHooks({ encrypt, decrypt }: Unchecked): void {
  for (const [name, hook] of Object.entries({ encrypt, decrypt })) {
    if (hook !== undefined && typeof hook !== 'function') {
      throw new TypeError(`options.${name} must be a function from a string to a string`)
    }
  }
  if ((encrypt === undefined) !== (decrypt === undefined)) {
    throw new TypeError('options.encrypt and options.decrypt go together')
  }
}

function checkSeconds(name: string, seconds: unknown): void {
  if (seconds === undefined) return
  if (Number.isInteger(seconds) && Number(seconds) >= 1 && Number(seconds) <= MAX_SECONDS) return
  throw new TypeError(`options.${name} must be a whole number of seconds from 1 to ${MAX_SECONDS}`)
}
