import type { CustomEncryptionOptions } from '../crypto/encryption-options.js'
import { systemClock, within } from '../leaves/clock.js'
import type { AccessToken, ClientCredentials, OAuthDb, PKCEValues } from '../leaves/contract.js'
import { DEFAULTS } from '../leaves/defaults.js'
import { unreadableRecord } from '../leaves/errors.js'
import type { RedisOAuthDatabaseOptions } from '../options/options.js'
import {
  checkPublishedOptions,
  type RedisOAuthDbLogger,
  type RedisOAuthDbOptions,
} from '../options/published-class.js'
import { isExpired } from '../record/lifetime.js'
import { decodePublished, type PublishedLayout, publishedKey, rowOf } from '../record/published.js'
import { keepOperations, operationsOf } from './operations-of.js'
import { RedisOAuthDatabase } from './redis-oauth-database.js'

/** What `close` needs of a client that was handed in. */
interface Client {
  quit(): Promise<unknown>
  disconnect(): void
}

/**
 * The class that this package had up to version 0.11, over the records of {@link RedisOAuthDatabase}: for those who change nothing
 * but the version. It writes the new layout only, under `keyPrefix` and `~`, and reads a record of the old one where there is no
 * new one. A save writes the new record, then deletes the old one. So processes of the old class must be stopped before
 * those of this one begin.
 *
 * It coordinates no refreshes: for that, {@link RedisOAuthDatabase} with {@link withOAuthDatabase}.
 */
export class RedisOAuthDb implements OAuthDb {
  readonly #db: RedisOAuthDatabase
  readonly #prefix: string
  readonly #decrypt: (text: string) => string
  readonly #logger: RedisOAuthDbLogger | undefined
  readonly #client: Client | undefined

  /**
   * @throws TypeError that names the option that is wrong and what it takes
   * @example
   * ```ts
   * import { RedisOAuthDb } from '@atxp/redis'
   *
   * const old = new RedisOAuthDb({ redis: process.env.REDIS_URL ?? '' })
   * await old.close()
   * ```
   */
  constructor(options: RedisOAuthDbOptions) {
    checkPublishedOptions(options)
    const {
      redis,
      keyPrefix = DEFAULTS.published.keyPrefix,
      ttl,
      defaultTtl,
      decrypt,
      logger,
    } = options
    const isUrl = typeof redis === 'string'
    this.#prefix = keyPrefix
    this.#decrypt = decrypt ?? ((text) => text)
    this.#logger = logger
    this.#client = isUrl ? undefined : (redis as unknown as Client)
    this.#db = open({
      ...(isUrl ? { url: redis } : { client: redis }),
      keyPrefix,
      encryption: sealingOf(options),
      refreshTokenTtl: msOf(ttl),
      accessTokenTtl: msOf(ttl ?? defaultTtl),
    })
    keepOperations(this, operationsOf(this.#db))
  }

  /**
   * The registration with an authorization server, or null. One round trip; up to three where there is no new record.
   * @example
   * ```ts
   * import { RedisOAuthDb } from '@atxp/redis'
   *
   * const old = new RedisOAuthDb({ redis: process.env.REDIS_URL ?? '' })
   * console.log(await old.getClientCredentials('https://auth.example'))
   * await old.close()
   * ```
   */
  getClientCredentials(serverUrl: string): Promise<ClientCredentials | null> {
    const peek = (): Promise<ClientCredentials | null> =>
      operationsOf(this.#db).run('getClientCredentials', ({ records }) =>
        records.getClient(serverUrl, 'client'),
      )
    const read = (): Promise<ClientCredentials | null> => this.#db.getClientCredentials(serverUrl)
    return this.#read('getClientCredentials', 'client_credentials', [serverUrl], peek, read)
  }

  /**
   * Two round trips.
   * @example
   * ```ts
   * import { RedisOAuthDb } from '@atxp/redis'
   *
   * const old = new RedisOAuthDb({ redis: process.env.REDIS_URL ?? '' })
   * await old.saveClientCredentials('https://auth.example', {
   *   clientId: 'client_123',
   *   clientSecret: 'client_secret',
   *   redirectUri: 'https://app.example/callback',
   * })
   * await old.close()
   * ```
   */
  async saveClientCredentials(serverUrl: string, credentials: ClientCredentials): Promise<void> {
    await this.#db.saveClientCredentials(serverUrl, credentials)
    await this.#drop('saveClientCredentials', 'client_credentials', [serverUrl])
  }

  /**
   * PKCE values, once, or null. One round trip; up to four where there is no new record.
   * @example
   * ```ts
   * import { RedisOAuthDb } from '@atxp/redis'
   *
   * const old = new RedisOAuthDb({ redis: process.env.REDIS_URL ?? '' })
   * console.log(await old.getPKCEValues('user_123', 'state'))
   * await old.close()
   * ```
   */
  getPKCEValues(userId: string, state: string): Promise<PKCEValues | null> {
    const read = (): Promise<PKCEValues | null> => this.#db.getPKCEValues(userId, state)
    return this.#read('getPKCEValues', 'pkce', [userId, state], read)
  }

  /**
   * Two round trips.
   * @example
   * ```ts
   * import { RedisOAuthDb } from '@atxp/redis'
   *
   * const old = new RedisOAuthDb({ redis: process.env.REDIS_URL ?? '' })
   * await old.savePKCEValues('user_123', 'state', {
   *   url: 'https://auth.example',
   *   codeVerifier: 'verifier',
   *   codeChallenge: 'challenge',
   *   resourceUrl: 'https://server.example',
   * })
   * await old.close()
   * ```
   */
  async savePKCEValues(userId: string, state: string, values: PKCEValues): Promise<void> {
    await this.#db.savePKCEValues(userId, state, values)
    await this.#drop('savePKCEValues', 'pkce', [userId, state])
  }

  /**
   * The access token, also an expired one that can be refreshed, or null. One round trip; up to three where there is no new record.
   * @example
   * ```ts
   * import { RedisOAuthDb } from '@atxp/redis'
   *
   * const old = new RedisOAuthDb({ redis: process.env.REDIS_URL ?? '' })
   * console.log(await old.getAccessToken('user_123', 'https://server.example'))
   * await old.close()
   * ```
   */
  getAccessToken(userId: string, url: string): Promise<AccessToken | null> {
    const read = (): Promise<AccessToken | null> => this.#db.getAccessToken(userId, url)
    return this.#read('getAccessToken', 'access_token', [userId, url], read)
  }

  /**
   * Two round trips.
   * @example
   * ```ts
   * import { RedisOAuthDb } from '@atxp/redis'
   *
   * const old = new RedisOAuthDb({ redis: process.env.REDIS_URL ?? '' })
   * await old.saveAccessToken('user_123', 'https://server.example', {
   *   accessToken: 'access',
   *   resourceUrl: 'https://server.example',
   * })
   * await old.close()
   * ```
   */
  async saveAccessToken(userId: string, url: string, token: AccessToken): Promise<void> {
    await this.#db.saveAccessToken(userId, url, token)
    await this.#drop('saveAccessToken', 'access_token', [userId, url])
  }

  /**
   * Closes the connection, and quits a client that was handed in. Never rejects.
   * @example
   * ```ts
   * import { RedisOAuthDb } from '@atxp/redis'
   *
   * const old = new RedisOAuthDb({ redis: process.env.REDIS_URL ?? '' })
   * await old.close()
   * ```
   */
  async close(): Promise<void> {
    await this.#db.close()
    // A logger may throw.
    await this.#quit().catch(() => {})
  }

  /** Redis may never answer, and a client may try to reach it for ever. */
  async #quit(): Promise<void> {
    const client = this.#client
    try {
      const { commandTimeout } = DEFAULTS.database
      if (client) await within(commandTimeout, client.quit(), undefined, { keepsAlive: true })
    } catch {
      client?.disconnect()
      this.#logger?.warn(
        'RedisOAuthDb could not quit the Redis client: it was closed before, or Redis does not answer',
      )
    }
  }

  /** A save writes the new record and then deletes the old one. Both may happen between two reads, so the new one is read again. */
  async #read<T extends object>(
    operation: string,
    layout: PublishedLayout,
    parts: string[],
    first: () => Promise<T | null>,
    again: () => Promise<T | null> = first,
  ): Promise<T | null> {
    return (await first()) ?? (await this.#published<T>(operation, layout, parts)) ?? again()
  }

  #published<T>(operation: string, layout: PublishedLayout, parts: string[]): Promise<T | null> {
    // Reading PKCE values deletes them.
    const run = layout === 'pkce' ? 'runSteps' : 'run'
    return operationsOf(this.#db)[run](operation, async ({ commands }) => {
      const key = publishedKey(this.#prefix, layout, ...parts)
      const text = await commands.get(key)
      if (text === null) return null
      const record: object = await decodePublished(layout, rowOf(layout, text), this.#decrypt)
      if (layout === 'access_token' && isOver(record as AccessToken)) return null
      // Of all that read PKCE values at once, one deletes them, and has them.
      if (layout === 'pkce' && !(await commands.delete(key))) return null
      return record as T
    })
  }

  #drop(operation: string, layout: PublishedLayout, parts: string[]): Promise<void> {
    const key = publishedKey(this.#prefix, layout, ...parts)
    return operationsOf(this.#db).run(operation, ({ commands }) => commands.unlink(key))
  }
}

/** The published class kept some of these for its `ttl`. */
function isOver(token: AccessToken): boolean {
  return !token.refreshToken && isExpired(token, systemClock.now())
}

/** @throws TypeError by the names that the options have here */
function open(options: RedisOAuthDatabaseOptions): RedisOAuthDatabase {
  try {
    return new RedisOAuthDatabase(options)
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    throw new TypeError(error.message.replace(/^options\.(url|client)\b/, 'options.redis'))
  }
}

function msOf(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : seconds * 1_000
}

/** Whole records by the hooks, which take text. What is sealed is bound to its place, by its name in it. */
function sealingOf({ encrypt, decrypt }: RedisOAuthDbOptions): CustomEncryptionOptions | undefined {
  if (encrypt === undefined || decrypt === undefined) return undefined
  return {
    seal: (plaintext, { kind, redisKey }) =>
      Buffer.from(encrypt(JSON.stringify([kind, redisKey, plaintext.toString('base64')]))),
    open: (sealed, { kind, redisKey }) => {
      const [sealedAs, key, plaintext] = JSON.parse(decrypt(sealed.toString()))
      if (sealedAs !== kind || key !== redisKey) throw unreadableRecord()
      return Buffer.from(plaintext, 'base64')
    },
  }
}
