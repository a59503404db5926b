import { bytesOfText, type Shelf } from '../cache/shelf.js'
import type { UnixMs } from '../leaves/clock.js'
import type { AccessToken } from '../leaves/contract.js'
import type { TokenPlaces } from '../oauth/places/token-places.js'
import { reading } from '../record/fingerprint.js'
import type { RecordKey } from '../record/keys.js'
import { expiresAtMs } from '../record/lifetime.js'
import type { StoredToken, TokenOrigin } from '../record/origin.js'

export interface KnownToken {
  readonly token: AccessToken
  readonly origin: TokenOrigin
  /** The stored text, if it is needed again: to compare a save with it, or to copy it. */
  readonly text: string | undefined
  /** Whether a shallow copy of `token` shares nothing with it. */
  readonly isFlat: boolean
  /** Its memory, without its names. */
  readonly bytes: number
  /** The generation of `places` in which they were told of it. */
  generation: object | undefined
}

/** The overhead of a token. */
const TOKEN_BYTES = 256

interface Parts {
  /** Told of every refresh token that is read. */
  readonly places: Pick<TokenPlaces, 'generation' | 'remember'>
  /** The record in Redis. */
  read(key: RecordKey): Promise<string | null>
  /** When Redis removes the record; null: never; undefined: there is none. */
  expiry(key: RecordKey): Promise<UnixMs | null | undefined>
  decode(text: string): StoredToken
  readonly expiredAccessTokens: 'keep' | 'drop'
}

/** The access tokens that this process has in memory. Each caller gets an object of its own. */
export class KnownAccessTokens {
  readonly #shelf: Shelf<KnownToken>
  readonly #parts: Parts

  constructor(shelf: Shelf<KnownToken>, parts: Parts) {
    this.#shelf = shelf
    this.#parts = parts
  }

  /** Whether nothing is in memory, and nothing that is read stays there. */
  get isResting(): boolean {
    return this.#shelf.isResting
  }

  /** Undefined if Redis has to be asked. */
  get(userId: string, url: string): AccessToken | null | undefined {
    const entry = this.#shelf.get(url, userId)
    if (entry === undefined) return undefined
    const { value: known } = entry
    if (known === null) return null
    const { places } = this.#parts
    if (known.generation !== places.generation) {
      known.generation = places.generation
      places.remember(userId, url, known.token, known.origin)
    }
    return this.#copyOf(known)
  }

  async read(userId: string, url: string, key: RecordKey): Promise<StoredToken | null> {
    const known = await this.#load(userId, url, key)
    return known === null ? null : { token: this.#copyOf(known), origin: known.origin }
  }

  /** Whether a save of this record would change nothing: Redis has the same text with the same expiry. */
  stands(userId: string, url: string, text: string, expiresAt: UnixMs): boolean {
    const entry = this.#shelf.peek(url, userId)
    return entry?.value?.text === text && entry.expiresAt === Math.floor(expiresAt)
  }

  #load(userId: string, url: string, key: RecordKey): Promise<KnownToken | null> {
    return this.#shelf.read(url, userId, key.redisKey, {
      read: async () => {
        const text = await this.#parts.read(key)
        return text === null ? null : reading(key, () => this.#known(text))
      },
      expiresAt: (known) => (known === null ? null : this.#expiryOf(known, key)),
      isSame: (one, other) => one.text === other.text,
      bytesOf: ({ bytes }) => bytes,
    })
  }

  #known(text: string): KnownToken {
    const { token, origin } = this.#parts.decode(text)
    const isFlat = Object.values(token).every((value) => typeof value !== 'object' || !value)
    const isCompared = fixedExpiry(token) !== undefined
    const isTextKept = isCompared || !isFlat
    return {
      token,
      origin,
      text: isTextKept ? text : undefined,
      isFlat,
      bytes: TOKEN_BYTES + (isTextKept ? 2 : 1) * bytesOfText(text),
      generation: undefined,
    }
  }

  /** The record's own expiry. If each save sets it to the same time, Redis must agree, or the record is not kept. */
  #expiryOf({ token }: KnownToken, key: RecordKey): UnixMs | null | Promise<UnixMs | undefined> {
    const fixed = fixedExpiry(token)
    if (fixed !== undefined) {
      const end = Math.floor(fixed)
      return this.#parts.expiry(key).then((standing) => (standing === end ? end : undefined))
    }
    return this.#parts.expiredAccessTokens === 'drop' ? (expiresAtMs(token) ?? null) : null
  }

  #copyOf(known: KnownToken): AccessToken {
    return known.isFlat || known.text === undefined
      ? { ...known.token }
      : this.#parts.decode(known.text).token
  }
}

/** The expiry of a record, if each save sets it to the same time. */
function fixedExpiry(token: AccessToken): UnixMs | undefined {
  return token.refreshToken ? undefined : expiresAtMs(token)
}
