import { bytesOfText, type Shelf } from '../cache/shelf.js'
import { systemClock } from '../leaves/clock.js'
import type { AccessToken, ClientCredentials, PKCEValues } from '../leaves/contract.js'
import { isUnreadable } from '../leaves/errors.js'
import type { TokenPlaces } from '../oauth/places/token-places.js'
import {
  decodeRecord,
  decodeToken,
  encodeRecord,
  encodeToken,
  MAX_LENGTH,
} from '../record/codec.js'
import { reading } from '../record/fingerprint.js'
import type { FoundKey, KeySpace, RecordKey } from '../record/keys.js'
import { type ClientRole, KINDS } from '../record/kinds.js'
import { checkIsTime, expiresAtMs, isExpired, type RecordTtls } from '../record/lifetime.js'
import type { StoredToken, TokenOrigin } from '../record/origin.js'
import { type Commands, inBunches } from '../redis/commands.js'
import { DeletionTally } from '../redis/deletion-tally.js'
import { KnownAccessTokens, type KnownToken } from './known-access-tokens.js'
import type { IndexedRecords } from './vault/indexed-records.js'
import type { Vault } from './vault/vault.js'

export interface OAuthStoreOptions extends RecordTtls {
  /** What a read of an access token that has expired, but has a refresh token, returns: the record, or null. */
  readonly expiredAccessTokens: 'keep' | 'drop'
  readonly singleUsePkce: boolean
}

/** Where this process keeps records in memory. */
export interface OAuthShelves {
  readonly accessTokens: Shelf<KnownToken>
  readonly clients: Shelf<string>
  /** Whether a save of what stands in Redis already is left out. */
  readonly skipsSaves: boolean
}

const DONE = Promise.resolve()

/** One access token of a user, without its secrets. */
export interface AccessTokenInfo {
  readonly url: string
  readonly resourceUrl: string
  /** When the access token expires; null where the record does not say. */
  readonly expiresAt: Date | null
  /** Whether a client can renew it. */
  readonly hasRefreshToken: boolean
}

/** The records of the SDK's `OAuthDb`. */
export class OAuthStore {
  readonly #keys: KeySpace
  readonly #commands: Commands
  readonly #indexed: IndexedRecords
  readonly #vault: Vault
  readonly #places: TokenPlaces
  readonly #options: OAuthStoreOptions
  readonly #shelves: OAuthShelves | undefined
  readonly #known: KnownAccessTokens | undefined

  /** @param places - told of every refresh token that is read */
  constructor(
    keys: KeySpace,
    commands: Commands,
    indexed: IndexedRecords,
    vault: Vault,
    places: TokenPlaces,
    options: OAuthStoreOptions,
    shelves?: OAuthShelves | undefined,
  ) {
    this.#keys = keys
    this.#commands = commands
    this.#indexed = indexed
    this.#vault = vault
    this.#places = places
    this.#options = options
    this.#shelves = shelves
    this.#known =
      shelves &&
      new KnownAccessTokens(shelves.accessTokens, {
        places,
        read: (key) => vault.get(key),
        expiry: ({ redisKey }) => commands.expiry(redisKey),
        decode: decodeToken,
        expiredAccessTokens: options.expiredAccessTokens,
      })
  }

  async getClient(serverUrl: string, role: ClientRole): Promise<ClientCredentials | null> {
    const known = this.#shelves?.clients.get(role, serverUrl)
    const text = known === undefined ? await this.#readClient(serverUrl, role) : known.value
    if (text === null) return null
    return reading(this.#keys.of(role, serverUrl), () => decodeRecord('client', text))
  }

  #readClient(serverUrl: string, role: ClientRole): Promise<string | null> {
    const key = this.#keys.of(role, serverUrl)
    const read = (): Promise<string | null> => this.#vault.get(key)
    if (this.#shelves === undefined) return read()
    // Callers that find none take turns to register, and must see what the others saved.
    const expiresAt = (text: string | null): null | undefined => (text === null ? undefined : null)
    return this.#shelves.clients.read(role, serverUrl, key.redisKey, {
      read,
      expiresAt,
      bytesOf: bytesOfText,
    })
  }

  /** @throws TypeError for one that is too long: it stands for ever, and every server that says so is one more */
  saveClient(serverUrl: string, role: ClientRole, credentials: ClientCredentials): Promise<void> {
    const key = this.#keys.of(role, serverUrl)
    const text = encodeRecord(role, 'credentials', credentials)
    if (serverUrl.length + text.length > MAX_LENGTH) {
      throw new TypeError(
        `credentials must have at most ${MAX_LENGTH} characters as JSON, with serverUrl`,
      )
    }
    return this.#vault.set(key, text)
  }

  deleteClient(serverUrl: string, role: ClientRole): Promise<boolean> {
    return this.#commands.delete(this.#keys.of(role, serverUrl).redisKey)
  }

  async getPkce(userId: string, state: string): Promise<PKCEValues | null> {
    const key = this.#keys.of('pkce', userId, state)
    const text = await (this.#options.singleUsePkce
      ? this.#vault.consume(key, this.#keys.of('consumed', userId, state))
      : this.#vault.get(key))
    return text === null ? null : reading(key, () => decodeRecord('pkce', text))
  }

  /** @param ageMs - how much of their life is over already: 0 unless they are put back */
  savePkce(userId: string, state: string, values: PKCEValues, ageMs: number = 0): Promise<void> {
    const key = this.#keys.of('pkce', userId, state)
    const text = encodeRecord('pkce', 'values', values)
    return this.#vault.set(key, text, { ttlMs: Math.max(1, this.#options.pkceTtl - ageMs) })
  }

  deletePkce(userId: string, state: string): Promise<boolean> {
    return this.#indexed.delete(this.#keys.of('pkce', userId, state))
  }

  /** No promise where it is in memory. */
  getAccessToken(userId: string, url: string): Promise<AccessToken | null> | AccessToken | null {
    const known = this.#known?.get(userId, url)
    if (known !== undefined) return known
    const key = this.#keys.of('access', userId, url)
    return this.#readAccessToken(userId, url, key, this.#indexed.lateSaves)
  }

  // Where this process has nothing in memory, one reaction does it all: each promise more costs as much as the record's name does.
  #readAccessToken(
    userId: string,
    url: string,
    key: RecordKey,
    lateSaves?: number,
  ): Promise<AccessToken | null> {
    if (this.#known === undefined || this.#known.isResting) {
      return this.#vault.use(key, (text) => {
        if (text === null) return this.#absent(userId, url, key, lateSaves)
        return this.#standing(
          userId,
          url,
          reading(key, () => decodeToken(text)),
        )
      })
    }
    return this.#known
      .read(userId, url, key)
      .then((stored) =>
        stored === null
          ? this.#absent(userId, url, key, lateSaves)
          : this.#standing(userId, url, stored),
      )
  }

  /** Reads once more where a save that was called before had not ended: the record may be there only now. */
  #absent(
    userId: string,
    url: string,
    key: RecordKey,
    lateSaves: number | undefined,
  ): Promise<AccessToken | null> | null {
    const saved = lateSaves === undefined ? undefined : this.#indexed.savedSince(key, lateSaves)
    return saved === undefined ? null : saved.then(() => this.#readAccessToken(userId, url, key))
  }

  /** The token of a record, unless it has expired and is of no more use. */
  #standing(userId: string, url: string, { token, origin }: StoredToken): AccessToken | null {
    this.#places.remember(userId, url, token, origin)
    // Redis still has it: it has a refresh token, or the clocks differ. It is never deleted here, since a peer may just have
    // saved a new one.
    if (!isExpired(token, systemClock.now())) return token
    return token.refreshToken && this.#options.expiredAccessTokens === 'keep' ? token : null
  }

  saveAccessToken(
    userId: string,
    url: string,
    token: AccessToken,
    origin?: TokenOrigin,
  ): Promise<void> {
    const key = this.#keys.of('access', userId, url)
    const text = encodeToken('token', token, origin)
    checkIsTime(token)
    const now = systemClock.now()
    const expiry = KINDS.access.lifetime(token, this.#options, now)
    const known = this.#shelves?.skipsSaves ? this.#known : undefined
    if (known !== undefined && expiry && 'expiresAt' in expiry && expiry.expiresAt > now) {
      if (known.stands(userId, url, text, expiry.expiresAt)) return DONE
    }
    return this.#vault.set(key, text, expiry)
  }

  deleteAccessToken(userId: string, url: string): Promise<boolean> {
    return this.#indexed.delete(this.#keys.of('access', userId, url))
  }

  /** Leaves out records that cannot be read. */
  async listAccessTokens(userId: string): Promise<AccessTokenInfo[]> {
    const records = await this.#indexed.of(userId)
    const tokens: AccessTokenInfo[] = []
    for (const some of inBunches(records.filter(({ key }) => key.kind === 'access'))) {
      const found = await Promise.all(some.map(({ key }) => this.#describe(key)))
      tokens.push(...found.filter((token) => token !== null))
    }
    return tokens
  }

  async #describe(key: FoundKey): Promise<AccessTokenInfo | null> {
    try {
      const record = await this.#vault.getNamed(key)
      return record === null ? null : describe(record.name, decodeToken(record.text).token)
    } catch (error) {
      if (isUnreadable(error)) return null
      throw error
    }
  }

  async deleteUser(userId: string): Promise<number> {
    const tally = new DeletionTally()
    try {
      await this.#indexed.deleteAll(userId, tally)
    } catch (error) {
      tally.end(error)
    }
    return tally.outcome()
  }
}

function describe(url: string, token: AccessToken): AccessTokenInfo {
  const expiresAt = expiresAtMs(token)
  return {
    url,
    resourceUrl: token.resourceUrl,
    expiresAt: expiresAt === undefined ? null : new Date(expiresAt),
    hasRefreshToken: Boolean(token.refreshToken),
  }
}
