import { isWellFormed } from '../well-formed.js'

/**
 * Names every Redis key of one database. Naming is injective: no two different (kind, parts) share a key.
 * Token keys stand behind the prefix as they are, so that `redis-cli GET atxp:oauth:user_123` shows one; all other
 * records begin with `~`, and a token key that begins so is written with `~~`.
 */
export class KeySpace {
  readonly prefix: string
  readonly #hash: ((part: string) => string) | undefined

  /** @param hash - stands in the place of every part, so that Redis shows no user, URL or token key */
  constructor(prefix: string, hash?: (part: string) => string) {
    this.prefix = prefix
    this.#hash = hash
  }

  /** Whether names are hashes: then the record itself has to hold what its name was made of. */
  get isHashed(): boolean {
    return this.#hash !== undefined
  }

  /** @throws TypeError when `key` is no string, empty, or has a lone surrogate */
  token(key: string): string {
    checkPart('key', key)
    if (key === '') throw new TypeError('key must not be empty')
    if (this.#hash !== undefined) return this.prefix + this.#hash(key)
    return this.prefix + (key.startsWith('~') ? `~${key}` : key)
  }

  /** The token key (hashed, where names are) behind a Redis key, or null where that is another kind of record. */
  tokenKeyOf(redisKey: string): string | null {
    const rest = redisKey.slice(this.prefix.length)
    if (!rest.startsWith('~')) return rest === '' ? null : rest
    return rest.startsWith('~~') ? rest.slice(1) : null
  }

  /** What stands under a Redis key; null where that is no record: a lease, or not of this library. */
  kindOf(redisKey: string): Kind | null {
    if (this.tokenKeyOf(redisKey) !== null) return 'token'
    const name = /^~([a-z]+):/.exec(redisKey.slice(this.prefix.length))?.[1]
    return KINDS.get(name ?? '') ?? null
  }

  /** A client registration, of this server in its role as a client or as a resource server. */
  client(serverUrl: string, role: ClientRole): string {
    checkPart('serverUrl', serverUrl)
    return `${this.prefix}~${role}:${this.#named(serverUrl)}`
  }

  pkce(userId: string, state: string): string {
    checkPart('state', state)
    return this.#ofUser('pkce', userId) + this.#named(state)
  }

  /** What the first read of PKCE values leaves behind, in their slot. */
  consumedPkce(userId: string, state: string): string {
    checkPart('state', state)
    return this.#ofUser('consumed', userId) + this.#named(state)
  }

  access(userId: string, url: string): string {
    checkPart('url', url)
    return this.#ofUser('access', userId) + this.#named(url)
  }

  /** The URL (hashed, where names are) in the key of one of this user's access tokens. */
  urlOf(userId: string, accessKey: string): string {
    return accessKey.slice(this.#ofUser('access', userId).length)
  }

  /** What `WAIT` waits for; in a Cluster a hash tag follows it. */
  get marker(): string {
    return `${this.prefix}~marker:`
  }

  /** A lease, and the channel of its release; `name` is a SHA-256, since it may stand for a secret. */
  lease(name: string): string {
    return `${this.prefix}~lease:${this.#named(name)}`
  }

  /** What a registration was answered, for the processes that wait for it; `name` is a SHA-256. */
  reply(name: string): string {
    return `${this.prefix}~reply:${this.#named(name)}`
  }

  /** That an authorization server has forgotten a client; `name` is a SHA-256 of its id. */
  refusedClient(name: string): string {
    return `${this.prefix}~refused:${this.#named(name)}`
  }

  /** What the names of access tokens and registrations begin with; those of tokens begin with the prefix alone. */
  get recordPrefixes(): readonly string[] {
    return ['access', 'client', 'resource'].map((kind) => `${this.prefix}~${kind}:`)
  }

  /** A `SCAN` pattern that finds everything under the prefix. */
  get pattern(): string {
    return `${escapeGlob(this.prefix)}*`
  }

  /** A `SCAN` pattern that finds the access tokens of a user. */
  accessPattern(userId: string): string {
    return `${escapeGlob(this.#ofUser('access', userId))}*`
  }

  /** Any key in the slot of the user's records. */
  slotKey(userId: string): string {
    return this.#ofUser('access', userId)
  }

  /**
   * A `SCAN` pattern that finds every record of a user, all of them in the slot of {@link KeySpace.slotKey}, and others
   * whose URL or key has such a text in it: see {@link KeySpace.isOfUser}.
   */
  userPattern(userId: string): string {
    return `${escapeGlob(this.prefix)}~*:{${escapeGlob(this.#user(userId))}}:*`
  }

  /** Whether a key is that of a record of this user. */
  isOfUser(userId: string, key: string): boolean {
    return USER_KINDS.some((kind) => key.startsWith(this.#ofUser(kind, userId)))
  }

  // The user in a hash tag: all records of one user share a Cluster's slot.
  #ofUser(kind: UserKind, userId: string): string {
    return `${this.prefix}~${kind}:{${this.#user(userId)}}:`
  }

  #user(userId: string): string {
    checkPart('userId', userId)
    return this.#hash === undefined ? encodeUser(userId) : this.#hash(userId)
  }

  #named(part: string): string {
    return this.#hash === undefined ? part : this.#hash(part)
  }
}

const USER_KINDS = ['access', 'pkce', 'consumed'] as const
type UserKind = (typeof USER_KINDS)[number]

// Half of what a string may have, so that a command of several parts stays below.
const MAX_CHARACTERS = 2 ** 28

/** What a record is. A sealed one is bound to it, so that it cannot pass for another kind. */
export type Kind = 'token' | 'client' | 'pkce' | 'access' | 'reply'

const KINDS: ReadonlyMap<string, Kind> = new Map([
  ['client', 'client'],
  ['resource', 'client'],
  ['pkce', 'pkce'],
  ['access', 'access'],
  ['reply', 'reply'],
])

/** Which registration of a server is meant: as the OAuth client that it is, or as the resource server that introspects. */
export type ClientRole = 'client' | 'resource'

// `}` would end the hash tag early, and `{}` is none: a lone `%`, which no other user's name encodes to, makes it one.
function encodeUser(userId: string): string {
  if (userId === '') return '%'
  if (!userId.includes('%') && !userId.includes('}')) return userId
  return userId.replace(/[%}]/g, (character) => (character === '%' ? '%25' : '%7D'))
}

/** @throws TypeError that names the argument */
export function checkPart(argument: string, value: unknown): asserts value is string {
  if (typeof value !== 'string')
    throw new TypeError(`${argument} must be a string, not ${typeof value}`)
  if (value.length > MAX_CHARACTERS) {
    throw new TypeError(`${argument} must have at most ${MAX_CHARACTERS} characters`)
  }
  if (!isWellFormed(value)) throw new TypeError(`${argument} must not have a lone surrogate`)
}

function escapeGlob(text: string): string {
  return text.replace(/[\\*?[\]]/g, '\\$&')
}
