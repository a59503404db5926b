import { isWellFormed } from '../well-formed.js'

/**
 * Names every Redis key of one database. Naming is injective: no two different (kind, parts) share a key.
 * Token keys stand behind the prefix as they are, so that `redis-cli GET atxp:oauth:user_123` shows one; all other
 * records begin with `~`, and a token key that begins so is written with `~~`.
 */
export class KeySpace {
  readonly prefix: string

  constructor(prefix: string) {
    this.prefix = prefix
  }

  /** @throws TypeError when `key` is no string, empty, or has a lone surrogate */
  token(key: string): string {
    checkPart('key', key)
    if (key === '') throw new TypeError('key must not be empty')
    return this.prefix + (key.startsWith('~') ? `~${key}` : key)
  }

  /** The token key behind a Redis key, or null where that is another kind of record. */
  tokenKeyOf(redisKey: string): string | null {
    const rest = redisKey.slice(this.prefix.length)
    if (!rest.startsWith('~')) return rest === '' ? null : rest
    return rest.startsWith('~~') ? rest.slice(1) : null
  }

  /** A `SCAN` pattern that finds everything under the prefix. */
  get pattern(): string {
    return `${escapeGlob(this.prefix)}*`
  }
}

/** @throws TypeError that names the argument */
export function checkPart(argument: string, value: unknown): asserts value is string {
  if (typeof value !== 'string')
    throw new TypeError(`${argument} must be a string, not ${typeof value}`)
  if (!isWellFormed(value)) throw new TypeError(`${argument} must not have a lone surrogate`)
}

function escapeGlob(text: string): string {
  return text.replace(/[\\*?[\]]/g, '\\$&')
}
