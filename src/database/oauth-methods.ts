import type { AccessToken, ClientCredentials, OAuthDb, PKCEValues } from '../contract.js'
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
   * The registration with an authorization server, or null. Of many callers that find none, the first is told so at
   * once and the others wait for what it saves, `registrationLeaseMs` at most. One round trip; two for the first.
   */
  getClientCredentials(serverUrl: string): Promise<ClientCredentials | null> {
    return this.#operations.run('getClientCredentials', ({ coordination }) =>
      coordination.getClient(serverUrl, 'client'),
    )
  }

  /** Stores the registration with an authorization server, for ever. One round trip. */
  saveClientCredentials(serverUrl: string, credentials: ClientCredentials): Promise<void> {
    return this.#operations.run('saveClientCredentials', ({ coordination }) =>
      coordination.saveClient(serverUrl, 'client', credentials),
    )
  }

  /** Forgets the registration with an authorization server; true only if it removed one. One round trip. */
  deleteClientCredentials(serverUrl: string): Promise<boolean> {
    return this.#operations.run('deleteClientCredentials', ({ records }) =>
      records.deleteClient(serverUrl, 'client'),
    )
  }

  /**
   * The PKCE values (RFC 7636) of a login, or null. The first read consumes them unless `singleUsePkce` is false: of two
   * processes that get the same callback, one finds them. One round trip; two with `encryption`, since only what could be
   * opened is consumed.
   */
  getPKCEValues(userId: string, state: string): Promise<PKCEValues | null> {
    return this.#operations.run('getPKCEValues', ({ records }) => records.getPkce(userId, state))
  }

  /** Stores the PKCE values of a login for `pkceTtl`. One round trip. */
  savePKCEValues(userId: string, state: string, values: PKCEValues): Promise<void> {
    return this.#operations.send('savePKCEValues', ({ records }) =>
      records.savePkce(userId, state, values),
    )
  }

  /**
   * The access token record, or null. One that has expired is returned while it has a refresh token, unless
   * `expiredAccessTokens` is `'drop'`. Never deletes anything. One round trip.
   */
  getAccessToken(userId: string, url: string): Promise<AccessToken | null> {
    return this.#operations.send('getAccessToken', ({ records }) =>
      records.getAccessToken(userId, url),
    )
  }

  /**
   * Stores an access token record as it is. `expiresAt` may be in seconds or milliseconds. With a refresh token it lives
   * for `refreshTokenTtl`, else until `expiresAt`, without either for `accessTokenTtl`. One round trip.
   */
  saveAccessToken(userId: string, url: string, token: AccessToken): Promise<void> {
    return this.#operations.send('saveAccessToken', ({ coordination }) =>
      coordination.saveAccessToken(userId, url, token),
    )
  }

  /** Deletes one access token record; true only if it removed one. One round trip. */
  deleteAccessToken(userId: string, url: string): Promise<boolean> {
    return this.#operations.send('deleteAccessToken', ({ records }) =>
      records.deleteAccessToken(userId, url),
    )
  }

  /**
   * The URLs for which a user has access tokens, and when those expire; no secrets.
   *
   * Walks the keyspace of the one node that holds the user's records: one round trip per 1000 keys of all kinds there.
   */
  listAccessTokens(userId: string): Promise<AccessTokenInfo[]> {
    return this.#operations.run('listAccessTokens', ({ records }) =>
      records.listAccessTokens(userId),
    )
  }

  /**
   * Deletes everything of one user: access tokens, refresh tokens, logins that have begun. Says how many records it removed.
   * Costs as {@link RedisOAuthDatabase.listAccessTokens} does.
   */
  deleteUser(userId: string): Promise<number> {
    return this.#operations.run('deleteUser', ({ records }) => records.deleteUser(userId))
  }

  /**
   * A view of this database for the role of a resource server, which introspects tokens: its registration with an
   * authorization server differs from the one as a client and is kept apart from it. All else is shared. Its `close` closes
   * this database.
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
