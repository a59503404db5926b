import { type Composition, compose } from './composition.js'
import type { AccessToken, ClientCredentials, FetchLike, OAuthDb, PKCEValues } from './contract.js'
import { ENCRYPTION_KEYS_VARIABLE, type KeyUsage, parseKeys } from './crypto/keyring.js'
import type { FlightOptions } from './flight/single-flight.js'
import { nameOfVariable, optionsFromEnv } from './options/environment.js'
import { DEFAULTS, type RedisOAuthDatabaseOptions } from './options/options.js'
import { resolveTopology } from './redis/address/topology.js'
import { closedFailure } from './redis/driver/failure.js'
import { type Health, healthOf } from './redis/health.js'
import type { CoordinatedFetchOptions } from './store/coordination.js'
import type { AccessTokenInfo } from './store/oauth-store.js'
import { type ResealOptions, type ResealProgress, reseal } from './store/reseal.js'
import {
  checkImportOptions,
  importTokens,
  type StoreTokensOptions,
  type TokenEntry,
} from './store/token-import.js'
import { checkIterable } from './store/token-store.js'

/** The database in the role of a resource server. */
export interface ResourceServerDb extends OAuthDb {
  /** Forgets the registration with an authorization server; true only if it removed one. One round trip. */
  deleteClientCredentials(serverUrl: string): Promise<boolean>
}

/**
 * The place where every instance of an ATXP or MCP client and server keeps its OAuth state, in one Redis. One object a
 * process is enough: it holds one connection, made by the first call and made again when it is lost.
 *
 * Methods reject with a `TypeError` for an argument that is not what they take, and with a `RedisOAuthDatabaseError`
 * for everything that goes wrong at run time; its `code` says what. Every command settles within `commandTimeout`, and
 * commands reach Redis in the order of the calls.
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the member stands on the prototype below
export class RedisOAuthDatabase implements OAuthDb {
  readonly #parts: Composition
  #closing: Promise<void> | undefined

  /**
   * Does not connect: the first operation does.
   * @throws TypeError that names the option that is wrong and what it takes
   */
  constructor(options: RedisOAuthDatabaseOptions = {}) {
    this.#parts = compose(options)
  }

  /**
   * A database configured by `REDIS_URL`, `REDIS_HOST`, `REDIS_PORT`, `REDIS_USERNAME`, `REDIS_PASSWORD`, `REDIS_DB` and
   * `REDIS_KEY_PREFIX`, and encrypted where `ATXP_REDIS_ENCRYPTION_KEYS` has keys. A variable that is unset or empty counts
   * as left out; `options` win over variables, and one that says where Redis is over all variables that do.
   * @throws TypeError that names the variable that is wrong and what it takes
   */
  static fromEnv(
    options: RedisOAuthDatabaseOptions = {},
    env: Readonly<Record<string, string | undefined>> = process.env,
  ): RedisOAuthDatabase {
    const given: RedisOAuthDatabaseOptions = Object.fromEntries(
      Object.entries(options).filter(([, value]) => value !== undefined),
    )
    const fromEnv = optionsFromEnv(env, given)
    const keys = env[ENCRYPTION_KEYS_VARIABLE]
    // Not taken for left out when it is empty: nobody means to store plain records by that.
    if (keys !== undefined) fromEnv.encryption = { keys: parseKeys(keys) }
    // Only to have what is wrong with the URL said of the variable.
    resolveTopology(fromEnv, DEFAULTS, nameOfVariable)
    return new RedisOAuthDatabase({ ...fromEnv, ...given })
  }

  /**
   * Stores a token. Storing again replaces token and expiry. One that has expired already is not stored, and removes an
   * older one under that key.
   * @param key - any string but the empty one; it becomes part of the Redis key, so put no secret into it
   * @param expiresAt - Redis removes the token at this time, to the millisecond; left out, the token lives until it is
   * deleted
   *
   * One round trip.
   */
  storeToken(key: string, token: string, expiresAt?: Date): Promise<void> {
    return this.#run(({ tokens }) => tokens.store(key, token, expiresAt))
  }

  /** The token, or null when there is none or it has expired. One round trip. */
  getToken(key: string): Promise<string | null> {
    return this.#run(({ tokens }) => tokens.get(key))
  }

  /**
   * Deletes a token; true only if it removed one. One round trip.
   * @throws RedisOAuthDatabaseError `OUTCOME_UNKNOWN` when the connection was cut at a moment that leaves it open
   * whether this call removed it
   */
  deleteToken(key: string): Promise<boolean> {
    return this.#run(({ tokens }) => tokens.delete(key))
  }

  /** Whether there is such a token that has not expired. One round trip. */
  hasToken(key: string): Promise<boolean> {
    return this.#run(({ tokens }) => tokens.has(key))
  }

  /**
   * When Redis will remove the token: `'never'` where it has no expiry, null where there is no such token.
   * One round trip; two at the first call on servers before Redis 7.
   */
  getTokenExpiry(key: string): Promise<Date | 'never' | null> {
    return this.#run(({ tokens }) => tokens.expiry(key))
  }

  /**
   * The keys of all tokens, each once, ready for {@link RedisOAuthDatabase.getToken}.
   *
   * Walks Redis' whole keyspace with `SCAN`: one round trip per 1000 keys of all kinds and prefixes, about 1.3 s a
   * million, in small steps that leave others undisturbed. Holds all keys in memory; see
   * {@link RedisOAuthDatabase.scanTokens}.
   */
  listTokens(): Promise<string[]> {
    return this.#run(({ connection, tokens }) => connection.hold(() => tokens.list()))
  }

  /**
   * The keys of all tokens as they are found, without a list in memory. A token that is there all along comes at least
   * once; one may come twice while Redis resizes its table. Costs as {@link RedisOAuthDatabase.listTokens} does.
   */
  async *scanTokens(): AsyncGenerator<string, void, undefined> {
    this.#checkOpen()
    for await (const keys of this.#parts.tokens.scan()) {
      this.#checkOpen()
      for (const key of keys) {
        yield key
        this.#checkOpen()
      }
    }
  }

  /**
   * Stores many tokens, as {@link RedisOAuthDatabase.storeToken} does each, with at most 400 on their way at a time.
   * Takes any iterable or async iterable, so a source may be larger than memory.
   * @returns how many Redis has acknowledged, those that had expired already among them
   * @throws StoreTokensError that says how many were stored and exactly which entry failed; its `code` is that of the
   * first failure, `INVALID_ENTRY`, `SOURCE_FAILED` or `ABORTED`
   */
  async storeTokens(
    entries: Iterable<TokenEntry> | AsyncIterable<TokenEntry>,
    options: StoreTokensOptions = {},
  ): Promise<{ stored: number }> {
    checkIterable('entries', entries)
    checkImportOptions(options)
    this.#checkOpen()
    return this.#parts.connection.hold(() =>
      importTokens(
        entries,
        (entry) => this.#parts.tokens.store(entry.key, entry.token, entry.expiresAt ?? undefined),
        options,
      ),
    )
  }

  /** The tokens of these keys, by key, those that are there. The commands leave together: one round trip. */
  getTokens(keys: Iterable<string>): Promise<Map<string, string>> {
    return this.#run(({ tokens }) => tokens.getMany(keys))
  }

  /**
   * Deletes the tokens of these keys and says how many it removed. The commands leave together: one round trip.
   * @throws RedisOAuthDatabaseError of the first that failed, once all have ended; the others are deleted
   */
  deleteTokens(keys: Iterable<string>): Promise<number> {
    return this.#run(({ tokens }) => tokens.deleteMany(keys))
  }

  /**
   * The registration with an authorization server, or null. Of many callers that find none, the first is told so at
   * once and the others wait for what it saves, `registrationLeaseMs` at most. One round trip; two for the first.
   */
  getClientCredentials(serverUrl: string): Promise<ClientCredentials | null> {
    return this.#run(({ coordination }) => coordination.getClient(serverUrl, 'client'))
  }

  /** Stores the registration with an authorization server, for ever. One round trip. */
  saveClientCredentials(serverUrl: string, credentials: ClientCredentials): Promise<void> {
    return this.#run(({ coordination }) =>
      coordination.saveClient(serverUrl, 'client', credentials),
    )
  }

  /** Forgets the registration with an authorization server; true only if it removed one. One round trip. */
  deleteClientCredentials(serverUrl: string): Promise<boolean> {
    return this.#run(({ records }) => records.deleteClient(serverUrl, 'client'))
  }

  /**
   * The PKCE values (RFC 7636) of a login, or null. The first read consumes them unless `singleUsePkce` is false: of two
   * processes that get the same callback, one finds them. One round trip; two with `encryption`, since only what could be
   * opened is consumed.
   */
  getPKCEValues(userId: string, state: string): Promise<PKCEValues | null> {
    return this.#run(({ connection, records }) =>
      connection.hold(() => records.getPkce(userId, state)),
    )
  }

  /** Stores the PKCE values of a login for `pkceTtl`. One round trip. */
  savePKCEValues(userId: string, state: string, values: PKCEValues): Promise<void> {
    return this.#run(({ records }) => records.savePkce(userId, state, values))
  }

  /**
   * The access token record, or null. One that has expired is returned while it has a refresh token, unless
   * `expiredAccessTokens` is `'drop'`. Never deletes anything. One round trip.
   */
  getAccessToken(userId: string, url: string): Promise<AccessToken | null> {
    return this.#run(({ records }) => records.getAccessToken(userId, url))
  }

  /**
   * Stores an access token record as it is. `expiresAt` may be in seconds or milliseconds. With a refresh token it lives
   * for `refreshTokenTtl`, else until `expiresAt`, without either for `accessTokenTtl`. One round trip.
   */
  saveAccessToken(userId: string, url: string, token: AccessToken): Promise<void> {
    return this.#run(({ coordination }) => coordination.saveAccessToken(userId, url, token))
  }

  /** Deletes one access token record; true only if it removed one. One round trip. */
  deleteAccessToken(userId: string, url: string): Promise<boolean> {
    return this.#run(({ records }) => records.deleteAccessToken(userId, url))
  }

  /**
   * The URLs for which a user has access tokens, and when those expire; no secrets.
   *
   * Walks the keyspace of the one node that holds the user's records: one round trip per 1000 keys of all kinds there.
   */
  listAccessTokens(userId: string): Promise<AccessTokenInfo[]> {
    return this.#run(({ connection, records }) =>
      connection.hold(() => records.listAccessTokens(userId)),
    )
  }

  /**
   * Deletes everything of one user: access tokens, refresh tokens, logins that have begun. Says how many records it removed.
   * Costs as {@link RedisOAuthDatabase.listAccessTokens} does.
   */
  deleteUser(userId: string): Promise<number> {
    return this.#run(({ connection, records }) => connection.hold(() => records.deleteUser(userId)))
  }

  /**
   * A view of this database for the role of a resource server, which introspects tokens: its registration with an
   * authorization server differs from the one as a client and is kept apart from it. All else is shared. Its `close` closes
   * this database.
   */
  forResourceServer(): ResourceServerDb {
    return {
      getClientCredentials: (serverUrl) =>
        this.#run(({ coordination }) => coordination.getClient(serverUrl, 'resource')),
      saveClientCredentials: (serverUrl, credentials) =>
        this.#run(({ coordination }) =>
          coordination.saveClient(serverUrl, 'resource', credentials),
        ),
      deleteClientCredentials: (serverUrl) =>
        this.#run(({ records }) => records.deleteClient(serverUrl, 'resource')),
      getPKCEValues: (userId, state) => this.getPKCEValues(userId, state),
      savePKCEValues: (userId, state, values) => this.savePKCEValues(userId, state, values),
      getAccessToken: (userId, url) => this.getAccessToken(userId, url),
      saveAccessToken: (userId, url, token) => this.saveAccessToken(userId, url, token),
      close: () => this.close(),
    }
  }

  /**
   * Runs `work` in one place at a time, of all processes that share this Redis, unless `options.recheck` finds that it has
   * been done. A holder that dies is outwaited by no more than `leaseMs`. See docs/guarantees.md for what a lease can and
   * cannot promise.
   * @returns what `work` returned, or what `recheck` found
   * @throws RedisOAuthDatabaseError `TIMEOUT` when others were at it for all of `waitMs`
   *
   * Two round trips for who works; a waiter looks when it is woken.
   */
  singleFlight<T>(
    name: string,
    work: (signal: AbortSignal) => Promise<T>,
    options: FlightOptions<T>,
  ): Promise<T> {
    return this.#run(({ coordination }) => coordination.flights.run(name, work, options))
  }

  /**
   * A `fetch` for the OAuth channel of the SDK (`oAuthChannelFetch`, `sideChannelFetch`, the MCP SDK's `fetchFn`): of all
   * processes one refreshes a token and one registers, and the others get the result. Every other request passes through
   * untouched. {@link withOAuthDatabase} wires it in.
   * @param fetch - sends what has to be sent; left out, the global `fetch`
   * @throws TypeError on Node 16, which has no global `fetch`
   */
  coordinatedFetch(fetch?: FetchLike, options: CoordinatedFetchOptions = {}): FetchLike {
    return this.#parts.coordination.coordinatedFetch(fetch, options)
  }

  /**
   * Writes every record anew that is plain or sealed with a key that is no longer the first; afterwards that key can go.
   * Safe beside everything else that runs, may be aborted and called again. Walks the whole keyspace, as
   * {@link RedisOAuthDatabase.listTokens} does, with two round trips per record that it changes.
   * @returns how many records it saw and changed, and how many it could not open
   * @throws TypeError without `encryption`; RedisOAuthDatabaseError `ABORTED`
   */
  async reseal(options: ResealOptions = {}): Promise<ResealProgress> {
    this.#checkOpen()
    const { keys, commands, sealer } = this.#parts
    if (sealer === undefined) throw new TypeError('reseal needs options.encryption')
    return this.#parts.connection.hold(() => reseal(keys, commands, sealer, options))
  }

  /**
   * What Redis says of itself: version, role, eviction policy, round-trip time, clock skew; and what an operator should look
   * at, as `warnings`. Three round trips a node.
   */
  health(): Promise<Health> {
    return this.#run(async ({ connection, topology, durability, tracking }) => {
      const health = await healthOf(connection, topology, durability?.replicas ?? 0)
      const warning = tracking?.warning
      return warning === undefined ? health : { ...health, warnings: [...health.warnings, warning] }
    })
  }

  /** How many records each encryption key has sealed in this process, of how many it may; empty without keys. */
  encryptionKeyUsage(): KeyUsage[] {
    return this.#parts.sealer?.usage() ?? []
  }

  /** Resolves when Redis answers, and rejects with the reason when it does not. One round trip. */
  ping(): Promise<void> {
    return this.#run(({ commands }) => commands.ping())
  }

  /**
   * Lets operations in flight finish, then closes the connection, so that the process can exit. Safe to call more than
   * once and before the connection stands. A borrowed `client` stays open. Later operations reject with `CLOSED`.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const { connection, subscriber, durability, tracking } = this.#parts
    // What is under way may wait for a publication, or for replicas.
    await connection.close()
    durability?.close()
    await tracking?.close()
    await subscriber.close()
  }

  // What it throws becomes a rejection without the promises that an async function would put between.
  #run<T>(work: (parts: Composition) => Promise<T>): Promise<T> {
    try {
      this.#checkOpen()
      return work(this.#parts)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #checkOpen(): void {
    if (this.#parts.connection.isClosed) throw closedFailure(this.#parts.connection.server)
  }
}

// `Symbol.asyncDispose` where the user's TypeScript has it, and no member where it does not: so the declarations
// compile with every `lib`.
type AsyncDisposeSymbol = SymbolConstructor extends {
  readonly asyncDispose: infer S extends symbol
}
  ? S
  : never

/** What `await using` calls, where Node and TypeScript have it. */
export type AsyncDisposableWhereKnown = { [K in AsyncDisposeSymbol]: () => Promise<void> }

export interface RedisOAuthDatabase extends AsyncDisposableWhereKnown {}

const { asyncDispose } = Symbol as { asyncDispose?: symbol }
if (asyncDispose !== undefined) {
  Object.defineProperty(RedisOAuthDatabase.prototype, asyncDispose, {
    value: RedisOAuthDatabase.prototype.close,
    configurable: true,
    writable: true,
  })
}
