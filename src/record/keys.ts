import { isWellFormed } from '../well-formed.js'
import { KINDS, type Kind, kindsWhere, type NameParts } from './kinds.js'
import { splitName, withName } from './name-prefix.js'

/** A Redis key that was found, and what its name says. */
export class FoundKey {
  readonly kind: Kind
  readonly redisKey: string
  /** The last part of the name: a token key, URL or state; undefined where the key holds a hash of it. */
  readonly name: string | undefined

  constructor(kind: Kind, redisKey: string, name: string | undefined) {
    this.kind = kind
    this.redisKey = redisKey
    this.name = name
  }
}

/** A Redis key that was made of known parts. */
export class RecordKey extends FoundKey {
  declare readonly name: string
}

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

  /** @throws TypeError that names the part which is no string or has a lone surrogate; a token key may not be empty either */
  of<K extends Kind>(kind: K, ...parts: NameParts[K]): RecordKey {
    const names: readonly string[] = KINDS[kind].parts
    for (let at = 0; at < names.length; at += 1) checkPart(names[at] as string, parts[at])
    const [first = '', second = ''] = parts
    if (kind === 'token') return new RecordKey(kind, this.#token(first), first)
    if (!isOfUser(kind)) {
      return new RecordKey(kind, `${this.prefix}~${kind}:${this.#hidden(first)}`, first)
    }
    return new RecordKey(kind, this.#ofUser(kind, first) + this.#hidden(second), second)
  }

  /** What a Redis key under the prefix names; null where that is nothing of this library's. */
  parse(redisKey: string): FoundKey | null {
    const rest = redisKey.slice(this.prefix.length)
    if (!rest.startsWith('~')) return rest === '' ? null : this.#found('token', redisKey, rest)
    if (rest.startsWith('~~')) return this.#found('token', redisKey, rest.slice(1))
    const colon = rest.indexOf(':')
    const kind = KIND_OF_WORD.get(rest.slice(1, Math.max(colon, 1)))
    if (kind === undefined) return null
    if (!isOfUser(kind)) return this.#found(kind, redisKey, rest.slice(colon + 1))
    const tagEnd = rest.indexOf('}:', colon)
    return tagEnd < 0 ? null : this.#found(kind, redisKey, rest.slice(tagEnd + 2))
  }

  /** What is written under the key: the text, and its name before it where the key holds a hash of that. */
  inscribe({ kind, name }: RecordKey, text: string): string {
    return this.#hides(kind) ? withName(name, text) : text
  }

  /** The text in what {@link KeySpace.inscribe} made. */
  textIn({ kind }: FoundKey, inscribed: string): string {
    return this.#hides(kind) ? splitName(inscribed).text : inscribed
  }

  /** The name in what {@link KeySpace.inscribe} made. */
  nameIn({ kind, name = '' }: FoundKey, inscribed: string): string {
    return this.#hides(kind) ? splitName(inscribed).name : name
  }

  /** What the key names of the records begin with that the near cache keeps; tokens have nothing but the prefix. */
  get cachedPrefixes(): readonly string[] {
    return kindsWhere((row) => row.isCached === true).map((kind) => `${this.prefix}~${kind}:`)
  }

  /** A `SCAN` pattern that finds everything under the prefix. */
  get pattern(): string {
    return `${escapeGlob(this.prefix)}*`
  }

  /** A `SCAN` pattern that finds the records of one kind of a user. */
  patternOf(kind: UserKind, userId: string): string {
    return `${escapeGlob(this.#ofUser(kind, userId))}*`
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
  isOfUser(userId: string, redisKey: string): boolean {
    return USER_KINDS.some((kind) => redisKey.startsWith(this.#ofUser(kind, userId)))
  }

  #token(key: string): string {
    if (key === '') throw new TypeError('key must not be empty')
    if (this.#hash !== undefined) return this.prefix + this.#hash(key)
    return this.prefix + (key.startsWith('~') ? `~${key}` : key)
  }

  #found(kind: Kind, redisKey: string, name: string): FoundKey {
    return new FoundKey(kind, redisKey, this.#hash === undefined ? name : undefined)
  }

  // The user in a hash tag: all records of one user share a Cluster's slot.
  #ofUser(kind: Kind, userId: string): string {
    return `${this.prefix}~${kind}:{${this.#user(userId)}}:`
  }

  #user(userId: string): string {
    checkPart('userId', userId)
    return this.#hash === undefined ? encodeUser(userId) : this.#hash(userId)
  }

  #hidden(part: string): string {
    return this.#hash === undefined ? part : this.#hash(part)
  }

  #hides(kind: Kind): boolean {
    return this.#hash !== undefined && KINDS[kind].holdsName === true
  }
}

type UserKind = { [K in Kind]: NameParts[K] extends [userId: string, string] ? K : never }[Kind]

function isOfUser(kind: Kind): boolean {
  return KINDS[kind].parts.length === 2
}

const USER_KINDS: readonly Kind[] = kindsWhere(({ parts }) => parts.length === 2)
const KIND_OF_WORD: ReadonlyMap<string, Kind> = new Map(
  kindsWhere((row) => row !== KINDS.token).map((kind) => [kind, kind]),
)

// Half of what a string may have, so that a command of several parts stays below.
const MAX_CHARACTERS = 2 ** 28

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
