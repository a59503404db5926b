import { systemClock } from '../clock.js'
import type { AccessToken, ClientCredentials, PKCEValues } from '../contract.js'
import { decodeRecord, encodeRecord } from '../record/codec.js'
import type { ClientRole, KeySpace } from '../record/keys.js'
import { accessTokenLifetime, expiresAtMs, isExpired, type RecordTtls } from '../record/lifetime.js'
import type { Commands } from '../redis/commands.js'

export interface OAuthStoreOptions extends RecordTtls {
  /** What a read of an access token that has expired, but has a refresh token, returns: the record, or null. */
  readonly expiredAccessTokens: 'keep' | 'drop'
  readonly singleUsePkce: boolean
}

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
  readonly #options: OAuthStoreOptions

  constructor(keys: KeySpace, commands: Commands, options: OAuthStoreOptions) {
    this.#keys = keys
    this.#commands = commands
    this.#options = options
  }

  async getClient(serverUrl: string, role: ClientRole): Promise<ClientCredentials | null> {
    const text = await this.#commands.get(this.#keys.client(serverUrl, role))
    return text === null ? null : decodeRecord('client registration', text)
  }

  saveClient(serverUrl: string, role: ClientRole, credentials: ClientCredentials): Promise<void> {
    const key = this.#keys.client(serverUrl, role)
    return this.#commands.set(key, encodeRecord('client registration', 'credentials', credentials))
  }

  deleteClient(serverUrl: string, role: ClientRole): Promise<boolean> {
    return this.#commands.delete(this.#keys.client(serverUrl, role))
  }

  async getPkce(userId: string, state: string): Promise<PKCEValues | null> {
    const key = this.#keys.pkce(userId, state)
    const text = await (this.#options.singleUsePkce
      ? this.#commands.consume(key, this.#keys.consumedPkce(userId, state))
      : this.#commands.get(key))
    return text === null ? null : decodeRecord('PKCE values', text)
  }

  savePkce(userId: string, state: string, values: PKCEValues): Promise<void> {
    const key = this.#keys.pkce(userId, state)
    const record = encodeRecord('PKCE values', 'values', values)
    return this.#commands.set(key, record, { ttlMs: this.#options.pkceTtl })
  }

  async getAccessToken(userId: string, url: string): Promise<AccessToken | null> {
    const text = await this.#commands.get(this.#keys.access(userId, url))
    if (text === null) return null
    const token = decodeRecord('access token', text)
    // Redis still holds it: it has a refresh token, or the two clocks differ. Never deleted here: a peer may just have
    // written a new one.
    if (!isExpired(token, systemClock.now())) return token
    return token.refreshToken && this.#options.expiredAccessTokens === 'keep' ? token : null
  }

  saveAccessToken(userId: string, url: string, token: AccessToken): Promise<void> {
    const key = this.#keys.access(userId, url)
    const record = encodeRecord('access token', 'token', token)
    return this.#commands.set(
      key,
      record,
      accessTokenLifetime(token, this.#options, systemClock.now()),
    )
  }

  deleteAccessToken(userId: string, url: string): Promise<boolean> {
    return this.#commands.delete(this.#keys.access(userId, url))
  }

  async listAccessTokens(userId: string): Promise<AccessTokenInfo[]> {
    const found = new Map<string, AccessTokenInfo>()
    for await (const keys of this.#commands.scan(
      this.#keys.accessPattern(userId),
      this.#keys.access(userId, ''),
    )) {
      await Promise.all(
        keys.map(async (key) => {
          const text = await this.#commands.get(key)
          if (text !== null) found.set(key, describe(this.#keys.urlOf(userId, key), text))
        }),
      )
    }
    return [...found.values()]
  }

  async deleteUser(userId: string): Promise<number> {
    let removed = 0
    for await (const keys of this.#commands.scan(
      this.#keys.userPattern(userId),
      this.#keys.access(userId, ''),
    )) {
      removed += await this.#commands.deleteAll(keys)
    }
    return removed
  }
}

function describe(url: string, text: string): AccessTokenInfo {
  const token = decodeRecord('access token', text)
  const expiresAt = expiresAtMs(token)
  return {
    url,
    resourceUrl: token.resourceUrl,
    expiresAt: expiresAt === undefined ? null : new Date(expiresAt),
    hasRefreshToken: Boolean(token.refreshToken),
  }
}
