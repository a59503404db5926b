import { createSecureContext, type SecureContextOptions } from 'node:tls'
import type { DurabilityOptions } from '../redis/durability.js'
import { isWellFormed } from '../well-formed.js'
import {
  type CacheOptions,
  DEFAULTS,
  type OptionName,
  type RedisOAuthDatabaseOptions,
  type ResolvedOptions,
} from './options.js'

interface Rule {
  readonly takes: string
  accepts(value: unknown): boolean
}

// setTimeout() fires at once for more.
const MAX_TIMER_MS = 2 ** 31 - 1
const MAX_REPLICAS = 1_000
// A Map holds no more.
const MAX_CACHE_ENTRIES = 2 ** 24 - 1
// A hundred years: far, and far from the end of Redis' 64 bits.
const MAX_TTL_MS = 100 * 365 * 24 * 60 * 60 * 1_000

function text(takes: string, accepts: (value: string) => boolean = () => true): Rule {
  return { takes, accepts: (value) => typeof value === 'string' && accepts(value) }
}

function integer(min: number, max: number, unit = ''): Rule {
  return {
    takes: `an integer from ${min} to ${max}${unit}`,
    accepts: (value) =>
      Number.isInteger(value) && (value as number) >= min && (value as number) <= max,
  }
}

const RULES: { readonly [K in OptionName]: Rule } = {
  url: text('a Redis URL such as redis://localhost:6379', (value) => value !== ''),
  host: text('a host name or IP address', (value) => /^[^\s/@]+$/.test(value)),
  port: integer(1, 65_535),
  path: text('the path of a Unix socket', (value) => value !== '' && !value.includes('://')),
  username: text('a string'),
  password: text('a string'),
  db: integer(0, MAX_TIMER_MS),
  tls: {
    takes: "an object of Node's TLS options, ca, cert and key in PEM where they are given",
    accepts: isTls,
  },
  credentials: {
    takes: 'a function that gives { username?, password }',
    accepts: (value) => typeof value === 'function',
  },
  sentinel: { takes: 'an object with name and nodes as { host, port }', accepts: isGroup },
  cluster: { takes: 'an object with nodes as { host, port }', accepts: isGroup },
  client: { takes: 'a Redis or Cluster of ioredis 5 or 6', accepts: isIoredis },
  keyPrefix: text(
    'a string without a lone surrogate and with no `{` unless as a whole hash tag `{...}`',
    (value) => isWellFormed(value) && hashTagIsWhole(value),
  ),
  connectionTimeout: integer(1, MAX_TIMER_MS, ' milliseconds'),
  retryDelayOnFailover: integer(1, MAX_TIMER_MS, ' milliseconds'),
  maxRetriesPerRequest: integer(0, MAX_TIMER_MS),
  commandTimeout: integer(1, MAX_TIMER_MS, ' milliseconds'),
  refreshTokenTtl: integer(1, MAX_TTL_MS, ' milliseconds'),
  accessTokenTtl: integer(1, MAX_TTL_MS, ' milliseconds'),
  pkceTtl: integer(1, MAX_TTL_MS, ' milliseconds'),
  singleUsePkce: { takes: 'true or false', accepts: (value) => typeof value === 'boolean' },
  registrationLeaseMs: integer(0, MAX_TIMER_MS, ' milliseconds'),
  cache: {
    takes: 'true, false, or an object of { maxEntries, maxBytes, maxAgeMs }, all integers from 1',
    accepts: (value) => typeof value === 'boolean' || isCacheLimits(value),
  },
  durability: {
    takes: 'an object of { replicas, timeoutMs }, both integers from 1',
    accepts: (value) =>
      isObject(value) &&
      integer(1, MAX_REPLICAS).accepts((value as DurabilityOptions).replicas) &&
      integer(1, MAX_TIMER_MS).accepts((value as DurabilityOptions).timeoutMs),
  },
  encryption: { takes: 'an object: { keys } or { seal, open }', accepts: isObject },
  hashKeys: { takes: 'an object: { key }', accepts: isObject },
  expiredAccessTokens: text("'keep' or 'drop'", (value) => value === 'keep' || value === 'drop'),
}

const SECRET: ReadonlySet<string> = new Set<OptionName>([
  'url',
  'username',
  'password',
  'tls',
  'sentinel',
  'cluster',
  'client',
  'encryption',
  'hashKeys',
])

/** How a message calls an option: `options.port`, or `REDIS_PORT` where it came from the environment. */
export type NameOfOption = (option: string) => string

export const optionName: NameOfOption = (option) => `options.${option}`

/**
 * Checks every option and fills in the defaults.
 * @throws TypeError that names the option and what it takes
 */
export function resolveOptions(
  options: RedisOAuthDatabaseOptions,
  nameOf: NameOfOption = optionName,
): ResolvedOptions {
  if (!isObject(options)) throw new TypeError('options must be an object')
  const given: Record<string, unknown> = {}
  for (const [option, value] of Object.entries(options)) {
    if (!Object.keys(RULES).includes(option)) {
      throw new TypeError(
        `${nameOf(option)} is not an option; the options are ${Object.keys(RULES).join(', ')}`,
      )
    }
    if (value === undefined) continue
    const rule = RULES[option as OptionName]
    if (!rule.accepts(value)) {
      throw new TypeError(`${nameOf(option)} must be ${rule.takes}, not ${describe(option, value)}`)
    }
    given[option] = value
  }
  const { host, port, db, ...defaults } = DEFAULTS
  return { ...defaults, ...given }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** Node itself looks at them only when it connects. */
function isTls(value: unknown): boolean {
  if (!isObject(value)) return false
  try {
    createSecureContext(value as SecureContextOptions)
    return true
  } catch {
    return false
  }
}

function isCacheLimits(value: unknown): boolean {
  if (!isObject(value)) return false
  const { maxEntries = 1, maxBytes = 1, maxAgeMs = 1, ...others } = value as CacheOptions
  return (
    Object.keys(others).length === 0 &&
    integer(1, MAX_CACHE_ENTRIES).accepts(maxEntries) &&
    integer(1, Number.MAX_SAFE_INTEGER).accepts(maxBytes) &&
    integer(1, MAX_TTL_MS).accepts(maxAgeMs)
  )
}

function isGroup(value: unknown): boolean {
  if (!isObject(value)) return false
  const { nodes } = value as { nodes?: unknown }
  return nodes === undefined || (Array.isArray(nodes) && nodes.every(isAddress))
}

function isAddress(value: unknown): boolean {
  if (!isObject(value)) return false
  const { host, port } = value as { host?: unknown; port?: unknown }
  return RULES.host.accepts(host) && RULES.port.accepts(port)
}

function isIoredis(value: unknown): boolean {
  if (!isObject(value)) return false
  const { sendCommand, options } = value as { sendCommand?: unknown; options?: unknown }
  return typeof sendCommand === 'function' && isObject(options)
}

function describe(option: string, value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean' || value === null)
    return String(value)
  if (value === '') return 'an empty string'
  // Text with an @ may be a whole URL that went to the wrong option, password and all.
  const isShown = typeof value === 'string' && !SECRET.has(option) && !value.includes('@')
  return isShown ? JSON.stringify(value) : `a value of type ${typeof value}`
}

// An open `{` in the prefix would swallow the hash tag that keeps a user's records in one slot.
function hashTagIsWhole(prefix: string): boolean {
  const open = prefix.indexOf('{')
  return open === -1 || prefix.indexOf('}', open) > open + 1
}
