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

  /** A client registration, of this server in its role as a client or as a resource server. */
  client(serverUrl: string, role: ClientRole): string {
    checkPart('serverUrl', serverUrl)
    return `${this.prefix}~${role}:${serverUrl}`
  }

  pkce(userId: string, state: string): string {
    checkPart('state', state)
    return this.#ofUser('pkce', userId) + state
  }

  /** What the first read of PKCE values leaves behind, in their slot. */
  consumedPkce(userId: string, state: string): string {
    checkPart('state', state)
    return this.#ofUser('consumed', userId) + state
  }

  access(userId: string, url: string): string {
    checkPart('url', url)
    return this.#ofUser('access', userId) + url
  }

  /** The URL in the key of one of this user's access tokens. */
  urlOf(userId: string, accessKey: string): string {
    return accessKey.slice(this.#ofUser('access', userId).length)
  }

  /** A `SCAN` pattern that finds everything under the prefix. */
  get pattern(): string {
    return `${escapeGlob(this.prefix)}*`
  }

  /** A `SCAN` pattern that finds the access tokens of a user. */
  accessPattern(userId: string): string {
    return `${escapeGlob(this.#ofUser('access', userId))}*`
  }

  /** A `SCAN` pattern that finds every record of a user, all of them in the slot of {@link KeySpace.access}. */
  userPattern(userId: string): string {
    return `${escapeGlob(this.prefix)}~*:{${escapeGlob(encodeUser(userId))}}:*`
  }

  // The user in a hash tag: all records of one user share a Cluster's slot.
  #ofUser(kind: 'access' | 'pkce' | 'consumed', userId: string): string {
    return `${this.prefix}~${kind}:{${encodeUser(userId)}}:`
  }
}

/** Which registration of a server is meant: as the OAuth client that it is, or as the resource server that introspects. */
export type ClientRole = 'client' | 'resource'

// `}` would end the hash tag early, and `{}` is none: a lone `%`, which no other user's name encodes to, makes it one.
function encodeUser(userId: string): string {
  checkPart('userId', userId)
  if (userId === '') return '%'
  return userId.replace(/[%}]/g, (character) => (character === '%' ? '%25' : '%7D'))
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
