import type { AccessToken, ClientCredentials, OAuthDb, PKCEValues } from '../leaves/contract.js'
import type { DeleteAccessTokenOptions } from '../store/coordination.js'
import type { AccessTokenInfo } from '../store/oauth-store.js'
import type { CloseOptions, Operations } from './operations.js'
import { TokenMethods } from './token-methods.js'

/** The database in the role of a resource server. */
export interface ResourceServerDb extends OAuthDb {
  /** Forgets the registration with an authorization server; true only if it removed one. One round trip. */
  deleteClientCredentials(serverUrl: string): Promise<boolean>
  /** Closes the database that this is a view of. */
  close(options?: CloseOptions): Promise<void>
}

/** What the SDK keeps: client registrations, PKCE values, access tokens. */
export abstract class OAuthMethods extends TokenMethods implements OAuthDb {
  readonly #operations: Operations

  /** @internal */
  constructor(operations: Operations) {
    super(operations)
    this.#operations = operations
  }

  abstract close(options?: CloseOptions): Promise<void>

  /**
   * Returns the registration with an authorization server, or null. If many callers find none at once, the first gets
   * null and the others wait for the registration that it saves, up to `registrationLeaseMs`. One round trip; two for
   * the first.
   * @throws RedisOAuthDatabaseError `UNREADABLE_RECORD` if the record is there and cannot be read
   * @example
   * ```ts
   * const serverUrl = 'https://auth.atxp.ai'
   * const registration = await db.getClientCredentials(serverUrl)
   * if (registration === null) {
   *   // Register the client (RFC 7591), then:
   *   await db.saveClientCredentials(serverUrl, {
   *     clientId: 'client_id',
   *     clientSecret: 'client_secret',
   *     redirectUri: 'https://app.example/callback',
   *   })
   * }
   * ```
   */
  getClientCredentials(serverUrl: string): Promise<ClientCredentials | null> {
    return this.#operations.run('getClientCredentials', ({ coordination }) =>
      coordination.getClient(serverUrl, 'client'),
    )
  }

  /**
   * Stores the registration with an authorization server. It does not expire. One round trip.
   * @throws TypeError for more than 65,536 characters, `credentials` as JSON and `serverUrl` together: any server may have a
   * client register
   * @throws RedisOAuthDatabaseError `OUTCOME_UNKNOWN` if the connection broke before the answer came
   * @example
   * ```ts
   * await db.saveClientCredentials('https://auth.atxp.ai', {
   *   clientId: 'client_id',
   *   clientSecret: 'client_secret',
   *   redirectUri: 'https://app.example/callback',
   * })
   * ```
   */
  saveClientCredentials(serverUrl: string, credentials: ClientCredentials): Promise<void> {
    return this.#operations.run('saveClientCredentials', ({ coordination }) =>
      coordination.saveClient(serverUrl, 'client', credentials),
    )
  }

  /**
   * Deletes the registration with an authorization server. One round trip.
   * @returns true only if this call removed it
   * @throws RedisOAuthDatabaseError `OUTCOME_UNKNOWN` if the connection broke before it was known whether this call
   * removed it
   * @example
   * ```ts
   * // The next client that looks for a registration makes a new one.
   * await db.deleteClientCredentials('https://auth.atxp.ai')
   * ```
   */
  deleteClientCredentials(serverUrl: string): Promise<boolean> {
    return this.#operations.run('deleteClientCredentials', ({ records }) =>
      records.deleteClient(serverUrl, 'client'),
    )
  }

  /**
   * Returns the PKCE values (RFC 7636) of a login, or null. The first read consumes them unless `singleUsePkce` is
   * false: if a callback arrives at two processes, one of them finds the values. One round trip; two with `encryption`,
   * since only what could be opened is consumed.
   * @throws RedisOAuthDatabaseError `UNREADABLE_RECORD` if the record is there and cannot be read
   * @example
   * ```ts
   * const login = await db.getPKCEValues('user_123', 'state_of_the_callback')
   * if (login === null) console.log('no such login, or its callback came twice')
   * ```
   */
  getPKCEValues(userId: string, state: string): Promise<PKCEValues | null> {
    return this.#operations.runSteps('getPKCEValues', ({ records }) =>
      records.getPkce(userId, state),
    )
  }

  /**
   * Stores the PKCE values of a login for `pkceTtl`. One round trip.
   * @throws RedisOAuthDatabaseError `OUTCOME_UNKNOWN` if the connection broke before the answer came
   * @example
   * ```ts
   * await db.savePKCEValues('user_123', 'random_state', {
   *   codeVerifier: 'code_verifier',
   *   codeChallenge: 'code_challenge',
   *   resourceUrl: 'https://browse.mcp.atxp.ai',
   *   url: 'https://browse.mcp.atxp.ai/',
   * })
   * ```
   */
  savePKCEValues(userId: string, state: string, values: PKCEValues): Promise<void> {
    return this.#operations.send('savePKCEValues', ({ records }) =>
      records.savePkce(userId, state, values),
    )
  }

  /**
   * Deletes the PKCE values of a login that was given up. One round trip.
   * @returns true only if this call removed them
   * @throws RedisOAuthDatabaseError `OUTCOME_UNKNOWN` if the connection broke before it was known whether this call
   * removed them
   * @example
   * ```ts
   * console.log(await db.deletePKCEValues('user_123', 'random_state')) // false
   * ```
   */
  deletePKCEValues(userId: string, state: string): Promise<boolean> {
    return this.#operations.send('deletePKCEValues', ({ records }) =>
      records.deletePkce(userId, state),
    )
  }

  /**
   * Returns the access token record, or null. If the access token has expired, the record is returned as long as it has
   * a refresh token, unless `expiredAccessTokens` is `'drop'`. A read deletes nothing. One round trip, or none with
   * `cache`.
   * @throws RedisOAuthDatabaseError `UNREADABLE_RECORD` if the record is there and cannot be read
   * @example
   * ```ts
   * const token = await db.getAccessToken('user_123', 'https://browse.mcp.atxp.ai/')
   * console.log(token?.accessToken) // undefined
   * ```
   */
  getAccessToken(userId: string, url: string): Promise<AccessToken | null> {
    return this.#operations.lookUp('getAccessToken', ({ records }) =>
      records.getAccessToken(userId, url),
    )
  }

  /**
   * Stores an access token record as it is. With a refresh token it lives for `refreshTokenTtl`; without, until
   * `expiresAt`; without either, for `accessTokenTtl`. One round trip; two if this process has saved the record before and it is
   * gone.
   * @param token - `expiresAt` counts from the Unix epoch, in seconds or milliseconds
   * @throws RedisOAuthDatabaseError `OUTCOME_UNKNOWN` if the connection broke before the answer came
   * @example
   * ```ts
   * await db.saveAccessToken('user_123', 'https://browse.mcp.atxp.ai/', {
   *   accessToken: 'access_token',
   *   refreshToken: 'refresh_token',
   *   expiresAt: Math.floor(Date.now() / 1000) + 3600,
   *   resourceUrl: 'https://browse.mcp.atxp.ai',
   * })
   * ```
   */
  saveAccessToken(userId: string, url: string, token: AccessToken): Promise<void> {
    return this.#operations.send('saveAccessToken', ({ coordination }) =>
      coordination.saveAccessToken(userId, url, token),
    )
  }

  /**
   * Deletes one access token record, its refresh token included. One round trip; two with `options.ifRefreshToken`, which leaves a
   * record with another refresh token alone.
   * @returns true only if this call removed it
   * @throws RedisOAuthDatabaseError `OUTCOME_UNKNOWN` if the connection broke before it was known whether this call
   * removed it
   * @example
   * ```ts
   * console.log(await db.deleteAccessToken('user_123', 'https://browse.mcp.atxp.ai/')) // false
   * ```
   */
  deleteAccessToken(
    userId: string,
    url: string,
    options: DeleteAccessTokenOptions = {},
  ): Promise<boolean> {
    return this.#operations.send('deleteAccessToken', ({ coordination }) =>
      coordination.deleteAccessToken(userId, url, options),
    )
  }

  /**
   * The URLs for which a user has access tokens, and when those expire; no secrets. Leaves out records that cannot be read. Two
   * round trips, whatever others have.
   * @example
   * ```ts
   * for (const { url, expiresAt, hasRefreshToken } of await db.listAccessTokens('user_123')) {
   *   console.log(url, expiresAt?.toISOString() ?? 'no expiry', hasRefreshToken)
   * }
   * ```
   */
  listAccessTokens(userId: string): Promise<AccessTokenInfo[]> {
    return this.#operations.run('listAccessTokens', ({ records }) =>
      records.listAccessTokens(userId),
    )
  }

  /**
   * Deletes everything of one user: access tokens, refresh tokens, logins that have begun. Two round trips, and one more for each
   * further thousand records.
   * @returns how many records it removed
   * @throws DeletionError if it could not delete all; call it again to go on
   * @example
   * ```ts
   * // Logs the user out everywhere.
   * await db.deleteUser('user_123')
   * ```
   */
  deleteUser(userId: string): Promise<number> {
    return this.#operations.runSteps('deleteUser', ({ coordination }) =>
      coordination.deleteUser(userId),
    )
  }

  /**
   * Returns a view of this database for the role of a resource server, which introspects tokens. It keeps a
   * registration of its own with each authorization server and shares everything else. Its `close` closes this
   * database. No round trip.
   * @example
   * ```ts
   * const oAuthDb = db.forResourceServer()
   * console.log(await oAuthDb.getClientCredentials('https://auth.atxp.ai')) // null
   * ```
   */
  forResourceServer(): ResourceServerDb {
    return {
      getClientCredentials: (serverUrl) =>
        this.#operations.run('getClientCredentials', ({ coordination }) =>
          coordination.getClient(serverUrl, 'resource'),
        ),
      saveClientCredentials: (serverUrl, credentials) =>
        this.#operations.run('saveClientCredentials', ({ coordination }) =>
          coordination.saveClient(serverUrl, 'resource', credentials),
        ),
      deleteClientCredentials: (serverUrl) =>
        this.#operations.run('deleteClientCredentials', ({ records }) =>
          records.deleteClient(serverUrl, 'resource'),
        ),
      getPKCEValues: (userId, state) => this.getPKCEValues(userId, state),
      savePKCEValues: (userId, state, values) => this.savePKCEValues(userId, state, values),
      getAccessToken: (userId, url) => this.getAccessToken(userId, url),
      saveAccessToken: (userId, url, token) => this.saveAccessToken(userId, url, token),
      close: (options) => this.close(options),
    }
  }
}
