import Redis from 'ioredis'

/**
 * An `OAuthDb` over Redis as one writes it at first: every record is JSON under joined names, an access token lives
 * until its `expiresAt`, nothing is coordinated. It shows that a scenario of the fleet can fail.
 *
 * @implements {Pick<import('@atxp/common').OAuthDb, keyof import('@atxp/common').OAuthDb>}
 */
export class UncoordinatedDatabase {
  #redis
  #prefix

  /** @param {{ url: string, keyPrefix: string }} options */
  constructor({ url, keyPrefix }) {
    this.#redis = new Redis(url)
    this.#prefix = keyPrefix
  }

  /** @param {string} serverUrl */
  getClientCredentials(serverUrl) {
    return this.#read(`client:${serverUrl}`)
  }

  /**
   * @param {string} serverUrl
   * @param {import('@atxp/common').ClientCredentials} credentials
   */
  async saveClientCredentials(serverUrl, credentials) {
    await this.#write(`client:${serverUrl}`, credentials)
  }

  /**
   * @param {string} userId
   * @param {string} state
   */
  getPKCEValues(userId, state) {
    return this.#read(`pkce:${userId}:${state}`)
  }

  /**
   * @param {string} userId
   * @param {string} state
   * @param {import('@atxp/common').PKCEValues} values
   */
  async savePKCEValues(userId, state, values) {
    await this.#write(`pkce:${userId}:${state}`, values)
  }

  /**
   * @param {string} userId
   * @param {string} url
   */
  getAccessToken(userId, url) {
    return this.#read(`access:${userId}:${url}`)
  }

  /**
   * @param {string} userId
   * @param {string} url
   * @param {import('@atxp/common').AccessToken} token
   */
  async saveAccessToken(userId, url, token) {
    await this.#write(`access:${userId}:${url}`, token, token.expiresAt)
  }

  async close() {
    this.#redis.disconnect()
  }

  /**
   * @param {string} name
   * @returns {Promise<any>}
   */
  async #read(name) {
    const record = await this.#redis.get(this.#prefix + name)
    return record === null ? null : JSON.parse(record)
  }

  /**
   * @param {string} name
   * @param {unknown} record
   * @param {number} [expiresAtMs]
   */
  async #write(name, record, expiresAtMs) {
    const key = this.#prefix + name
    if (expiresAtMs === undefined) await this.#redis.set(key, JSON.stringify(record))
    else await this.#redis.set(key, JSON.stringify(record), 'PXAT', expiresAtMs)
  }
}
