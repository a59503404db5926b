// The published class of the ATXP SDK (`RedisOAuthDb` of its monorepo, 0.11.10), written afresh from a description of its
// keys, records and lifetimes, since the registry of these tests does not have it. It is here to be compared with and moved
// from: it keeps the faults that its users live with.
import { Redis } from 'ioredis'
import type { AccessToken, ClientCredentials, OAuthDb, PKCEValues } from '../../../src/contract.js'

const PKCE_SECONDS = 600
const DEFAULT_TTL_SECONDS = 86_400
const DEFAULT_PREFIX = 'oauth:'

export interface PublishedRedisClient {
  get(key: string): Promise<string | null>
  set(key: string, value: string): Promise<unknown>
  setex(key: string, seconds: number, value: string): Promise<unknown>
  del(key: string): Promise<number>
  quit(): Promise<unknown>
}

export interface PublishedOAuthDbOptions {
  redis: string | PublishedRedisClient
  encrypt?: (text: string) => string
  decrypt?: (text: string) => string
  keyPrefix?: string
  /** Seconds that every access token lives, whatever its own expiry. */
  ttl?: number
  /** Seconds that an access token without an expiry lives. */
  defaultTtl?: number
}

interface StoredRegistration {
  encrypted_client_id: string
  encrypted_client_secret: string
  redirect_uri: string
}

interface StoredPkce {
  encrypted_code_verifier: string
  encrypted_code_challenge: string
  resource_url: string
  url: string
}

interface StoredToken {
  resource_url: string
  encrypted_access_token: string
  encrypted_refresh_token: string | null
  expires_at: string | null
}

export class PublishedOAuthDb implements OAuthDb {
  readonly #redis: PublishedRedisClient
  readonly #prefix: string
  readonly #encrypt: (text: string) => string
  readonly #decrypt: (text: string) => string
  readonly #ttl: number | undefined
  readonly #defaultTtl: number

  constructor({
    redis,
    encrypt = (text) => text,
    decrypt = (text) => text,
    keyPrefix = DEFAULT_PREFIX,
    ttl,
    defaultTtl = DEFAULT_TTL_SECONDS,
  }: PublishedOAuthDbOptions) {
    this.#redis = typeof redis === 'string' ? new Redis(redis) : redis
    this.#encrypt = encrypt
    this.#decrypt = decrypt
    this.#prefix = keyPrefix
    this.#ttl = ttl
    this.#defaultTtl = defaultTtl
  }

  async getClientCredentials(url: string): Promise<ClientCredentials | null> {
    const stored = await this.#read<StoredRegistration>(this.#key('client_credentials', url))
    return (
      stored && {
        clientId: this.#decrypt(stored.encrypted_client_id),
        clientSecret: this.#decrypt(stored.encrypted_client_secret),
        redirectUri: stored.redirect_uri,
      }
    )
  }

  async saveClientCredentials(url: string, credentials: ClientCredentials): Promise<void> {
    const { clientId, clientSecret, redirectUri } = credentials
    const stored: StoredRegistration = {
      encrypted_client_id: this.#encrypt(clientId),
      encrypted_client_secret: this.#encrypt(clientSecret),
      redirect_uri: redirectUri,
    }
    await this.#redis.set(this.#key('client_credentials', url), JSON.stringify(stored))
  }

  async getPKCEValues(user: string, state: string): Promise<PKCEValues | null> {
    const stored = await this.#read<StoredPkce>(this.#key('pkce', user, state))
    return (
      stored && {
        codeVerifier: this.#decrypt(stored.encrypted_code_verifier),
        codeChallenge: this.#decrypt(stored.encrypted_code_challenge),
        resourceUrl: stored.resource_url,
        url: stored.url,
      }
    )
  }

  async savePKCEValues(user: string, state: string, values: PKCEValues): Promise<void> {
    const stored: StoredPkce = {
      encrypted_code_verifier: this.#encrypt(values.codeVerifier),
      encrypted_code_challenge: this.#encrypt(values.codeChallenge),
      resource_url: values.resourceUrl,
      url: values.url,
    }
    await this.#redis.setex(this.#key('pkce', user, state), PKCE_SECONDS, JSON.stringify(stored))
  }

  async getAccessToken(user: string, url: string): Promise<AccessToken | null> {
    const key = this.#key('access_token', user, url)
    const stored = await this.#read<StoredToken>(key)
    if (stored === null) return null
    const expiresAt = stored.expires_at === null ? undefined : Number(stored.expires_at)
    if (expiresAt !== undefined && Date.now() >= expiresAt * 1_000) {
      // With the refresh token, and whatever another process has saved there since.
      await this.#redis.del(key)
      return null
    }
    const { encrypted_access_token, encrypted_refresh_token, resource_url } = stored
    return {
      accessToken: this.#decrypt(encrypted_access_token),
      ...(encrypted_refresh_token !== null && {
        refreshToken: this.#decrypt(encrypted_refresh_token),
      }),
      ...(expiresAt !== undefined && { expiresAt }),
      resourceUrl: resource_url,
    }
  }

  async saveAccessToken(user: string, url: string, token: AccessToken): Promise<void> {
    const { accessToken, refreshToken, expiresAt, resourceUrl } = token
    const stored: StoredToken = {
      resource_url: resourceUrl,
      encrypted_access_token: this.#encrypt(accessToken),
      encrypted_refresh_token: refreshToken ? this.#encrypt(refreshToken) : null,
      expires_at: expiresAt?.toString() ?? null,
    }
    const text = JSON.stringify(stored)
    await this.#redis.setex(this.#key('access_token', user, url), this.#seconds(expiresAt), text)
  }

  /** Ends the connection, also one that was handed in. */
  async close(): Promise<void> {
    // A connection that has ended already is only logged by the original.
    await this.#redis.quit().catch(() => undefined)
  }

  #key(kind: string, ...parts: string[]): string {
    return `${this.#prefix}${kind}:${parts.join(':')}`
  }

  async #read<T>(key: string): Promise<T | null> {
    const text = await this.#redis.get(key)
    return text === null ? null : JSON.parse(text)
  }

  #seconds(expiresAt: number | undefined): number {
    if (this.#ttl !== undefined) return this.#ttl
    if (!expiresAt) return this.#defaultTtl
    return Math.max(1, expiresAt - Math.floor(Date.now() / 1_000))
  }
}
