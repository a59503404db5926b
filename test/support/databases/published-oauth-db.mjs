// The published class of the ATXP SDK (`RedisOAuthDb` of its monorepo, 0.11.10), written afresh from a description of its
// keys, records and lifetimes, since the registry of these tests does not have it. It is here to be compared with and moved
// from: it keeps the faults that its users live with.
import { Redis } from 'ioredis'

const PKCE_SECONDS = 600
const DEFAULT_TTL_SECONDS = 86_400
const DEFAULT_PREFIX = 'oauth:'

/**
 * @typedef {import('../../../src/leaves/contract.js').AccessToken} AccessToken
 * @typedef {import('../../../src/leaves/contract.js').ClientCredentials} ClientCredentials
 * @typedef {import('../../../src/leaves/contract.js').PKCEValues} PKCEValues
 *
 * @typedef {object} PublishedRedisClient
 * @property {(key: string) => Promise<string | null>} get
 * @property {(key: string, value: string) => Promise<unknown>} set
 * @property {(key: string, seconds: number, value: string) => Promise<unknown>} setex
 * @property {(key: string) => Promise<number>} del
 * @property {() => Promise<unknown>} quit
 *
 * @typedef {object} PublishedOAuthDbOptions
 * @property {string | PublishedRedisClient} redis
 * @property {((text: string) => string)} [encrypt]
 * @property {((text: string) => string)} [decrypt]
 * @property {string} [keyPrefix]
 * @property {number} [ttl] seconds that every access token lives, whatever its own expiry
 * @property {number} [defaultTtl] seconds that an access token without an expiry lives
 */

/** @implements {Pick<import('../../../src/leaves/contract.js').OAuthDb, keyof import('../../../src/leaves/contract.js').OAuthDb>} */
export class PublishedOAuthDb {
  /** @type {PublishedRedisClient} */
  #redis
  #prefix
  #encrypt
  #decrypt
  #ttl
  #defaultTtl

  /** @param {PublishedOAuthDbOptions} options */
  constructor({
    redis,
    encrypt = (text) => text,
    decrypt = (text) => text,
    keyPrefix = DEFAULT_PREFIX,
    ttl,
    defaultTtl = DEFAULT_TTL_SECONDS,
  }) {
    this.#redis = typeof redis === 'string' ? new Redis(redis) : redis
    this.#encrypt = encrypt
    this.#decrypt = decrypt
    this.#prefix = keyPrefix
    this.#ttl = ttl
    this.#defaultTtl = defaultTtl
  }

  /**
   * @param {string} url
   * @returns {Promise<ClientCredentials | null>}
   */
  async getClientCredentials(url) {
    const stored = await this.#read(this.#key('client_credentials', url))
    return (
      stored && {
        clientId: this.#decrypt(stored.encrypted_client_id),
        clientSecret: this.#decrypt(stored.encrypted_client_secret),
        redirectUri: stored.redirect_uri,
      }
    )
  }

  /**
   * @param {string} url
   * @param {ClientCredentials} credentials
   */
  async saveClientCredentials(url, { clientId, clientSecret, redirectUri }) {
    const stored = {
      encrypted_client_id: this.#encrypt(clientId),
      encrypted_client_secret: this.#encrypt(clientSecret),
      redirect_uri: redirectUri,
    }
    await this.#redis.set(this.#key('client_credentials', url), JSON.stringify(stored))
  }

  /**
   * @param {string} user
   * @param {string} state
   * @returns {Promise<PKCEValues | null>}
   */
  async getPKCEValues(user, state) {
    const stored = await this.#read(this.#key('pkce', user, state))
    return (
      stored && {
        codeVerifier: this.#decrypt(stored.encrypted_code_verifier),
        codeChallenge: this.#decrypt(stored.encrypted_code_challenge),
        resourceUrl: stored.resource_url,
        url: stored.url,
      }
    )
  }

  /**
   * @param {string} user
   * @param {string} state
   * @param {PKCEValues} values
   */
  async savePKCEValues(user, state, values) {
    const stored = {
      encrypted_code_verifier: this.#encrypt(values.codeVerifier),
      encrypted_code_challenge: this.#encrypt(values.codeChallenge),
      resource_url: values.resourceUrl,
      url: values.url,
    }
    await this.#redis.setex(this.#key('pkce', user, state), PKCE_SECONDS, JSON.stringify(stored))
  }

  /**
   * @param {string} user
   * @param {string} url
   * @returns {Promise<AccessToken | null>}
   */
  async getAccessToken(user, url) {
    const key = this.#key('access_token', user, url)
    const stored = await this.#read(key)
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

  /**
   * @param {string} user
   * @param {string} url
   * @param {AccessToken} token
   */
  async saveAccessToken(user, url, { accessToken, refreshToken, expiresAt, resourceUrl }) {
    const stored = {
      resource_url: resourceUrl,
      encrypted_access_token: this.#encrypt(accessToken),
      encrypted_refresh_token: refreshToken ? this.#encrypt(refreshToken) : null,
      expires_at: expiresAt?.toString() ?? null,
    }
    const text = JSON.stringify(stored)
    await this.#redis.setex(this.#key('access_token', user, url), this.#seconds(expiresAt), text)
  }

  /** Ends the connection, also one that was handed in. */
  async close() {
    // A connection that has ended already is only logged by the original.
    await this.#redis.quit().catch(() => undefined)
  }

  /**
   * @param {string} kind
   * @param {string[]} parts
   */
  #key(kind, ...parts) {
    return `${this.#prefix}${kind}:${parts.join(':')}`
  }

  /**
   * @param {string} key
   * @returns {Promise<any>}
   */
  async #read(key) {
    const text = await this.#redis.get(key)
    return text === null ? null : JSON.parse(text)
  }

  /** @param {number | undefined} expiresAt */
  #seconds(expiresAt) {
    if (this.#ttl !== undefined) return this.#ttl
    if (!expiresAt) return this.#defaultTtl
    return Math.max(1, expiresAt - Math.floor(Date.now() / 1_000))
  }
}
