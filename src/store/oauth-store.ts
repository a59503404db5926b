import { bytesOfText, type Shelf } from '../cache/shelf.js'
import { systemClock } from '../clock.js'
import type { AccessToken, ClientCredentials, PKCEValues } from '../contract.js'
import type { TokenPlaces } from '../oauth/refresh/token-places.js'
import { decodeRecord, decodeToken, encodeRecord, encodeToken } from '../record/codec.js'
import type { FoundKey, KeySpace } from '../record/keys.js'
import { type ClientRole, KINDS } from '../record/kinds.js'
import { expiresAtMs, isExpired, type RecordTtls } from '../record/lifetime.js'
import type { StoredToken, TokenOrigin } from '../record/origin.js'
import type { Commands } from '../redis/commands.js'
import { DeletionTally } from '../redis/deletion-tally.js'
import { KnownAccessTokens, type KnownToken } from './known-access-tokens.js'
import type { Vault } from './vault.js'

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
  readonly #vault: Vault
  readonly #places: TokenPlaces
  readonly #options: OAuthStoreOptions
  readonly #shelves: OAuthShelves | undefined
  readonly #known: KnownAccessTokens | undefined

  /** @param places - told of every refresh token that is read */
  constructor(
    keys: KeySpace,
    commands: Commands,
    vault: Vault,
    places: TokenPlaces,
    options: OAuthStoreOptions,
    shelves?: OAuthShelves | undefined,
  ) {
    this.#keys = keys
    this.#commands = commands
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
    return text === null ? null : decodeRecord('client', text)
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

  saveClient(serverUrl: string, role: ClientRole, credentials: ClientCredentials): Promise<void> {
    const key = this.#keys.of(role, serverUrl)
    return this.#vault.set(key, encodeRecord(role, 'credentials', credentials))
  }

  deleteClient(serverUrl: string, role: ClientRole): Promise<boolean> {
    return this.#commands.delete(this.#keys.of(role, serverUrl).redisKey)
  }

  async getPkce(userId: string, state: string): Promise<PKCEValues | null> {
    const key = this.#keys.of('pkce', userId, state)
    const text = await (this.#options.singleUsePkce
      ? this.#vault.consume(key, this.#keys.of('consumed', userId, state))
      : this.#vault.get(key))
    return text === null ? null : decodeRecord('pkce', text)
  }

  savePkce(userId: string, state: string, values: PKCEValues): Promise<void> {
    const key = this.#keys.of('pkce', userId, state)
    const text = encodeRecord('pkce', 'values', values)
    const lifetime = KINDS.pkce.lifetime(values, this.#options, systemClock.now())
    return this.#vault.set(key, text, lifetime)
  }

  /** No promise where it is in memory. */
  getAccessToken(userId: string, url: string): Promise<AccessToken | null> | AccessToken | null {
    const known = this.#known?.get(userId, url)
    return known === undefined ? this.#readAccessToken(userId, url) : known
  }

  async #readAccessToken(userId: string, url: string): Promise<AccessToken | null> {
    const key = this.#keys.of('access', userId, url)
    let stored: StoredToken | null
    if (this.#known === undefined) {
      const text = await this.#vault.get(key)
      stored = text === null ? null : decodeToken(text)
    } else {
      stored = await this.#known.read(userId, url, key)
    }
    if (stored === null) return null
    const { token, origin } = stored
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
    const now = systemClock.now()
    const expiry = KINDS.access.lifetime(token, this.#options, now)
    const known = this.#shelves?.skipsSaves ? this.#known : undefined
    if (known === undefined || !expiry || !('expiresAt' in expiry) || expiry.expiresAt <= now) {
      return this.#vault.set(key, text, expiry)
    }
    if (known.stands(userId, url, key, text, expiry.expiresAt)) return DONE
    return this.#vault.set(key, text, expiry).then(() => known.saved(userId, url, key, text))
  }

  deleteAccessToken(userId: string, url: string): Promise<boolean> {
    return this.#commands.delete(this.#keys.of('access', userId, url).redisKey)
  }

  async listAccessTokens(userId: string): Promise<AccessTokenInfo[]> {
    const found = new Map<string, AccessTokenInfo>()
    const pattern = this.#keys.patternOf('access', userId)
    for await (const redisKeys of this.#commands.scan(pattern, this.#keys.slotKey(userId))) {
      const keys = redisKeys
        .filter((key) => this.#keys.isOfUser(userId, key))
        .map((key) => this.#keys.parse(key))
        .filter((key): key is FoundKey => key?.kind === 'access')
      const records = await this.#vault.getAllNamed(keys)
      for (const [index, { redisKey }] of keys.entries()) {
        const record = records[index]
        if (record == null) continue
        found.set(redisKey, describe(record.name, decodeToken(record.text).token))
      }
    }
    return [...found.values()]
  }

  async deleteUser(userId: string): Promise<number> {
    const tally = new DeletionTally()
    const scan = this.#commands.scan(this.#keys.userPattern(userId), this.#keys.slotKey(userId))
    try {
      for await (const keys of scan) {
        const own = keys.filter((key) => this.#keys.isOfUser(userId, key))
        await this.#commands.deleteAll(own, tally)
      }
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
