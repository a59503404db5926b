import { isWellFormed } from '../leaves/well-formed.js'
import {
  type ClientRole,
  KINDS,
  type Kind,
  kindsWhere,
  type LastingKind,
  type NameParts,
} from './kinds.js'
import { splitName, withName } from './name-prefix.js'

/** A Redis key as found by a scan. */
export class FoundKey {
  readonly kind: Kind
  readonly redisKey: string
  /** The last part of the name: a token key, URL or state. Undefined if the key has its hash. */
  readonly name: string | undefined
  /** Whose record it is. Undefined if it is nobody's, or if the key has the user's hash. */
  readonly userId: string | undefined

  constructor(kind: Kind, redisKey: string, name: string | undefined, userId?: string) {
    this.kind = kind
    this.redisKey = redisKey
    this.name = name
    this.userId = userId
  }
}

/** A Redis key made from its parts. A type and no subclass, which would take longer to construct. */
export type RecordKey = FoundKey & { readonly name: string }

function recordKey(kind: Kind, redisKey: string, name: string, userId?: string): RecordKey {
  return new FoundKey(kind, redisKey, name, userId) as RecordKey
}

/** Where the index of a user names a record. */
export interface IndexEntry {
  /** The Redis key of the index. */
  readonly index: string
  /** What stands for the record there: the part of its key behind the user, after its kind. Shows no more than the key does. */
  readonly field: string
}

export interface RecordName {
  /** Empty for records of no user. */
  readonly userId: string
  /** The last part of the name. */
  readonly name: string
}

/**
 * Names every Redis key of one database. No two records share a key. A token's key follows the prefix unchanged, so that
 * `redis-cli GET atxp:oauth:user_123` shows it. All other names begin with `~`; a token key that begins with `~` is written with
 * `~~`.
 */
export class KeySpace {
  readonly prefix: string
  readonly #hash: ((part: string) => string) | undefined

  /** @param hash - replaces every part, so that Redis shows no user, URL or token key */
  constructor(prefix: string, hash?: (part: string) => string) {
    this.prefix = prefix
    this.#hash = hash
  }

  get isHashed(): boolean {
    return this.#hash !== undefined
  }

  /** @throws TypeError that names the part if it is not a string or has a lone surrogate, or if a token key is empty */
  of<K extends Kind>(kind: K, ...parts: NameParts[K]): RecordKey {
    const names: readonly string[] = KINDS[kind].parts
    for (let at = 0; at < names.length; at += 1) checkPart(names[at] as string, parts[at])
    const [first = '', second = ''] = parts
    if (kind === 'token') return recordKey(kind, this.#token(first), first)
    if (kind === 'index') return recordKey(kind, this.#ofUser(kind, first), '', first)
    if (!isOfUser(kind)) {
      const name = this.#hidden(first)
      const last = KINDS[kind].isTagged ? `{${name}}` : name
      return recordKey(kind, `${this.prefix}~${kind}:${last}`, first)
    }
    return recordKey(kind, `${this.#ofUser(kind, first)}:${this.#hidden(second)}`, second, first)
  }

  /** `of` for a name that a record itself holds. @throws TypeError as that does */
  named(kind: LastingKind, { userId, name }: RecordName): RecordKey {
    return isOfUser(kind)
      ? this.of(kind as 'access' | 'pkce', userId, name)
      : this.of(kind as 'token' | ClientRole, name)
  }

  /** The kind and name of a Redis key; null if this library does not use such keys under this prefix. */
  parse(redisKey: string): FoundKey | null {
    // A scan gives what Redis says that matches.
    if (!redisKey.startsWith(this.prefix)) return null
    const rest = redisKey.slice(this.prefix.length)
    if (!rest.startsWith('~')) return rest === '' ? null : this.#found('token', redisKey, rest)
    if (rest.startsWith('~~')) return this.#found('token', redisKey, rest.slice(1))
    const colon = rest.indexOf(':')
    const kind = KIND_OF_WORD.get(rest.slice(1, Math.max(colon, 1)))
    if (kind === undefined) return null
    if (!isOfUser(kind)) return this.#found(kind, redisKey, untagged(kind, rest.slice(colon + 1)))
    const tagEnd = rest.indexOf('}', colon)
    if (tagEnd < 0 || rest[colon + 1] !== '{') return null
    const user = rest.slice(colon + 2, tagEnd)
    if (kind === 'index') {
      return tagEnd === rest.length - 1 ? this.#found(kind, redisKey, '', user) : null
    }
    if (rest[tagEnd + 1] !== ':') return null
    return this.#found(kind, redisKey, rest.slice(tagEnd + 2), user)
  }

  /** Where a record of a user is indexed. */
  entryOf({ kind, redisKey }: FoundKey): IndexEntry {
    const tagAt = this.prefix.length + 1 + kind.length + 1
    const tagEnd = redisKey.indexOf('}', tagAt) + 1
    return {
      index: `${this.prefix}~index:${redisKey.slice(tagAt, tagEnd)}`,
      field: kind + redisKey.slice(tagEnd),
    }
  }

  /** The record that a field of an index stands for; null if this library writes no such field. */
  indexed({ redisKey }: FoundKey, field: string): FoundKey | null {
    const [kind = ''] = field.split(':', 1)
    const tag = redisKey.slice(this.prefix.length + '~index:'.length)
    const found = this.parse(`${this.prefix}~${kind}:${tag}${field.slice(kind.length)}`)
    return found !== null && KINDS[found.kind].isIndexed ? found : null
  }

  /** The Redis key that a field of an index stands for, if a newer version may have written it, of a kind that is not known here. */
  indexedByNewer({ redisKey }: FoundKey, field: string): string | null {
    const [, kind] = /^([a-z][a-z0-9]*):/.exec(field) ?? []
    if (kind === undefined || KIND_OF_WORD.has(kind) || kind === 'token') return null
    const tag = redisKey.slice(this.prefix.length + '~index:'.length)
    return `${this.prefix}~${kind}:${tag}${field.slice(kind.length)}`
  }

  /** What the first read of PKCE values leaves behind. */
  consumedOf({ redisKey }: FoundKey): string {
    return `${this.prefix}~consumed${redisKey.slice(`${this.prefix}~pkce`.length)}`
  }

  /** The text to be stored, with the name before it if the key has only a hash of that. */
  addName({ kind, name, userId }: RecordKey, text: string): string {
    if (!this.#hides(kind)) return text
    return userId === undefined ? withName(name, text) : withName(userId, withName(name, text))
  }

  /** The text in what {@link KeySpace.addName} made. */
  textIn(key: FoundKey, stored: string): string {
    return this.#hides(key.kind) ? this.#split(key, stored).text : stored
  }

  /** The name in what {@link KeySpace.addName} made. */
  nameIn(key: FoundKey, stored: string): RecordName {
    if (this.#hides(key.kind)) return this.#split(key, stored)
    return { userId: key.userId ?? '', name: key.name ?? '' }
  }

  #split({ kind }: FoundKey, stored: string): RecordName & { text: string } {
    const first = splitName(stored)
    if (!isOfUser(kind)) return { userId: '', ...first }
    return { userId: first.name, ...splitName(first.text) }
  }

  /** Where processes publish what they count, for `atxp-redis watch`. A channel, and no key. */
  get watchChannel(): string {
    return `${this.prefix}~watch`
  }

  /** The beginnings of the keys that the near cache keeps, tokens excepted: those have only the prefix. */
  get cachedPrefixes(): readonly string[] {
    return kindsWhere((row) => row.isCached === true).map((kind) => `${this.prefix}~${kind}:`)
  }

  /** A `SCAN` pattern that finds everything under the prefix. */
  get pattern(): string {
    return `${escapeGlob(this.prefix)}*`
  }

  /** A `SCAN` pattern that finds the keys of one kind, and maybe others. */
  patternOf(kind: Exclude<Kind, 'token'>): string {
    return `${escapeGlob(this.prefix)}~${kind}:*`
  }

  #token(key: string): string {
    if (key === '') throw new TypeError('key must not be empty')
    if (this.#hash !== undefined) return this.prefix + this.#hash(key)
    return this.prefix + (key.startsWith('~') ? `~${key}` : key)
  }

  #found(kind: Kind, redisKey: string, name: string, user?: string): FoundKey {
    if (this.#hash !== undefined) return new FoundKey(kind, redisKey, undefined)
    return new FoundKey(kind, redisKey, name, user === undefined ? undefined : decodeUser(user))
  }

  // The user in a hash tag: all records of one user share a Cluster's slot.
  #ofUser(kind: Kind, userId: string): string {
    return `${this.prefix}~${kind}:{${this.#user(userId)}}`
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

function untagged(kind: Kind, name: string): string {
  return KINDS[kind].isTagged ? name.slice(1, -1) : name
}

function isOfUser(kind: Kind): boolean {
  return (KINDS[kind].parts as readonly string[])[0] === 'userId'
}

const KIND_OF_WORD: ReadonlyMap<string, Kind> = new Map(
  kindsWhere((row) => row !== KINDS.token).map((kind) => [kind, kind]),
)

// Half of the longest string, so that a command with several parts stays below that.
const MAX_CHARACTERS = 2 ** 28

// `}` would end the hash tag early, and `{}` is none: a lone `%`, which no other user's name encodes to, makes it one.
function encodeUser(userId: string): string {
  if (userId === '') return '%'
  if (!userId.includes('%') && !userId.includes('}')) return userId
  return userId.replace(/[%}]/g, (character) => (character === '%' ? '%25' : '%7D'))
}

function decodeUser(tag: string): string {
  if (tag === '%') return ''
  return tag.replace(/%25|%7D/g, (code) => (code === '%25' ? '%' : '}'))
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
