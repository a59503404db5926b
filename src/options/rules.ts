import { MAX_TIMER_MS } from '../leaves/clock.js'
import { DEFAULTS } from '../leaves/defaults.js'
import { DOCS } from '../leaves/errors.js'
import { isWellFormed } from '../leaves/well-formed.js'
import {
  type Check,
  didYouMean,
  flag,
  integer,
  isObject,
  ownCheck,
  secretText,
  shownName,
  text,
  value,
} from './checks.js'
import { refuseMeaningless } from './combinations.js'
import { type NameOfOption, optionName } from './names.js'
import {
  cache,
  cluster,
  durability,
  encryption,
  hashKeys,
  host,
  MAX_TTL_MS,
  port,
  sentinel,
} from './nested-rules.js'
import type { OptionName, RedisOAuthDatabaseOptions, ResolvedOptions } from './options.js'
import { tls } from './tls-rules.js'

const CHECKS: { readonly [K in OptionName]: Check } = {
  url: secretText('a Redis URL such as redis://localhost:6379', (given) => given !== ''),
  host,
  port,
  path: text('the path of a Unix socket', (path) => path !== '' && !path.includes('://')),
  username: secretText('a string'),
  password: secretText('a string'),
  db: integer(0, MAX_TIMER_MS),
  tls,
  credentials: value(
    'a function that gives { username?, password }',
    (given) => typeof given === 'function',
  ),
  sentinel,
  cluster,
  client: value('a Redis or Cluster of ioredis 5 or 6', isIoredis),
  keyPrefix: text(
    'a string without a lone surrogate and with no `{` unless as a whole hash tag `{...}`',
    (prefix) => isWellFormed(prefix) && hashTagIsWhole(prefix),
  ),
  connectionTimeout: integer(1, MAX_TIMER_MS, ' milliseconds'),
  retryDelayOnFailover: integer(1, MAX_TIMER_MS, ' milliseconds'),
  maxRetriesPerRequest: integer(0, MAX_TIMER_MS),
  commandTimeout: integer(1, MAX_TIMER_MS, ' milliseconds'),
  refreshTokenTtl: integer(1, MAX_TTL_MS, ' milliseconds'),
  accessTokenTtl: integer(1, MAX_TTL_MS, ' milliseconds'),
  pkceTtl: integer(1, MAX_TTL_MS, ' milliseconds'),
  singleUsePkce: flag,
  expiredAccessTokens: text("'keep' or 'drop'", (word) => word === 'keep' || word === 'drop'),
  registrationLeaseMs: integer(0, MAX_TIMER_MS, ' milliseconds'),
  cache,
  durability,
  encryption,
  hashKeys,
}

export const NAMES: readonly string[] = Object.keys(CHECKS)

/**
 * Checks every option and their combinations, and fills in the defaults.
 * @throws TypeError that names the option and what it takes
 */
export function resolveOptions(
  options: RedisOAuthDatabaseOptions,
  nameOf: NameOfOption = optionName,
): ResolvedOptions {
  checkIsOptions(options)
  const given: Record<string, unknown> = {}
  for (const [option, one] of Object.entries(options)) {
    const check = ownCheck(CHECKS, option)
    if (check === undefined) {
      throw new TypeError(
        `${nameOf(shownName(option))} is not an option${didYouMean(option, NAMES)}. All options: ${DOCS}/reference.md#options`,
      )
    }
    if (one === undefined) continue
    check(one, nameOf(option))
    given[option] = one
  }
  refuseMeaningless(given, nameOf)
  const { host: _host, port: _port, db: _db, ...defaults } = DEFAULTS.database
  return { ...defaults, ...given }
}

/** @throws TypeError that says where it belongs: a URL in `url`, a client of ioredis in `client` */
export function checkIsOptions(options: unknown): asserts options is RedisOAuthDatabaseOptions {
  if (typeof options === 'string')
    throw new TypeError('options must be an object: a Redis URL goes in it as { url }')
  if (isIoredis(options))
    throw new TypeError('options must be an object: a client of ioredis goes in it as { client }')
  if (Array.isArray(options)) throw new TypeError('options must be an object, not a list')
  if (!isObject(options)) throw new TypeError('options must be an object')
}

export function isIoredis(given: unknown): boolean {
  if (!isObject(given)) return false
  const { sendCommand, options, status } = given as Record<string, unknown>
  // node-redis has the first two as well.
  return typeof sendCommand === 'function' && isObject(options) && typeof status === 'string'
}

// An open `{` in the prefix would swallow the hash tag that keeps a user's records in one slot.
function hashTagIsWhole(prefix: string): boolean {
  const open = prefix.indexOf('{')
  return open === -1 || prefix.indexOf('}', open) > open + 1
}
