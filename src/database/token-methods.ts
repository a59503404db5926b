import {
  checkImportOptions,
  importTokens,
  type StoreTokensOptions,
  type TokenEntry,
} from '../store/bulk/token-import.js'
import { checkIterable } from '../store/token-store.js'
import { inCalls } from './in-calls.js'
import type { Operations } from './operations.js'

/** Tokens under keys of the caller's choice. */
export abstract class TokenMethods {
  readonly #operations: Operations

  /** @internal */
  constructor(operations: Operations) {
    this.#operations = operations
  }

  /**
   * Stores a token under a key and replaces what was there, its expiry included. One round trip.
   * @param key - any string but the empty one. It becomes part of the Redis key, so it must hold no secret. A key that begins with
   * `~` is written with one more, since other records begin so; `listTokens` returns it as it was
   * @param token - any string, up to the 512 MB that Redis takes
   * @param expiresAt - when Redis removes the token, to the millisecond. Without it, or with null, the token lives
   * until it is deleted. A time that has passed stores nothing and removes the token that was there
   * @throws RedisOAuthDatabaseError `OUTCOME_UNKNOWN` if the connection broke before the answer came
   * @example
   * ```ts
   * const inAnHour = new Date(Date.now() + 3_600_000)
   * await db.storeToken('user_123', 'token_value', inAnHour)
   * ```
   */
  storeToken(key: string, token: string, expiresAt?: Date | null): Promise<void> {
    return this.#operations.send('storeToken', ({ tokens }) => tokens.store(key, token, expiresAt))
  }

  /**
   * Returns the token, or null if there is none or it has expired. One round trip, or none with `cache`.
   * @throws RedisOAuthDatabaseError `UNREADABLE_RECORD` if the token is there and no key opens it; `WRONG_TYPE` if
   * another program keeps something else under its Redis key
   * @example
   * ```ts
   * await db.storeToken('user_123', 'token_value')
   * console.log(await db.getToken('user_123')) // token_value
   * console.log(await db.getToken('user_456')) // null
   * ```
   */
  getToken(key: string): Promise<string | null> {
    return this.#operations.lookUp('getToken', ({ tokens }) => tokens.get(key))
  }

  /**
   * Deletes a token. One round trip.
   * @returns true only if this call removed it
   * @throws RedisOAuthDatabaseError `OUTCOME_UNKNOWN` if the connection broke before it was known whether this call
   * removed it
   * @example
   * ```ts
   * await db.storeToken('user_123', 'token_value')
   * console.log(await db.deleteToken('user_123')) // true
   * console.log(await db.deleteToken('user_123')) // false
   * ```
   */
  deleteToken(key: string): Promise<boolean> {
    return this.#operations.send('deleteToken', ({ tokens }) => tokens.delete(key))
  }

  /**
   * Returns whether there is such a token that has not expired. One round trip.
   * @example
   * ```ts
   * console.log(await db.hasToken('user_123')) // false
   * ```
   */
  hasToken(key: string): Promise<boolean> {
    return this.#operations.send('hasToken', ({ tokens }) => tokens.has(key))
  }

  /**
   * Returns when Redis will remove the token: `'never'` if it has no expiry, null if there is no such token. One round
   * trip; on servers before Redis 7 the first call takes two.
   * @example
   * ```ts
   * await db.storeToken('user_123', 'token_value', new Date('2099-01-01'))
   * console.log(await db.getTokenExpiry('user_123')) // 2099-01-01T00:00:00.000Z
   * ```
   */
  getTokenExpiry(key: string): Promise<Date | 'never' | null> {
    return this.#operations.send('getTokenExpiry', ({ tokens }) => tokens.expiry(key))
  }

  /**
   * Returns the keys of all tokens, each once, ready for {@link TokenMethods.getToken}. It holds all of them in memory;
   * {@link TokenMethods.scanTokens} does not.
   *
   * Walks the whole keyspace of Redis with `SCAN`: one round trip per 1000 keys of any kind and prefix, about 1.3 s a
   * million, in small steps that leave others undisturbed.
   * @throws RedisOAuthDatabaseError `CLUSTER_DOWN` if a part of a Cluster is not served; `UNREADABLE_RECORD` if, with `hashKeys`, a
   * token cannot be read
   * @example
   * ```ts
   * await db.storeToken('user_123', 'token_value')
   * console.log(await db.listTokens()) // [ 'user_123' ]
   * ```
   */
  listTokens(): Promise<string[]> {
    return this.#operations.run('listTokens', ({ tokens }) => tokens.list())
  }

  /**
   * Yields the keys of all tokens as they are found. A token that is there all the time comes at least once, and may
   * come twice while Redis resizes its table. Costs the same as {@link TokenMethods.listTokens}.
   * @example
   * ```ts
   * for await (const key of db.scanTokens()) {
   *   if (key.startsWith('test_')) await db.deleteToken(key)
   * }
   * ```
   */
  async *scanTokens(): AsyncGenerator<string, void, undefined> {
    const operations = this.#operations
    for await (const keys of inCalls(operations, 'scanTokens', operations.parts.tokens.scan())) {
      for (const key of keys) {
        yield key
        operations.checkOpen('scanTokens')
      }
    }
  }

  /**
   * Stores many tokens, each as {@link TokenMethods.storeToken} does, one round trip each, with at most 400 under way at a
   * time. The source may be larger than memory.
   * @param entries - any iterable or async iterable
   * @returns how many entries Redis has acknowledged, including those that had expired already
   * @throws StoreTokensError that says how many were stored and which entries failed. Its `code` is that of the first
   * failure, `INVALID_ENTRY` for an entry that is none, `SOURCE_FAILED` if `entries` threw, or `ABORTED` by
   * `options.signal`
   * @example
   * ```ts
   * const sessions = [
   *   { key: 'user_123', token: 'token_value', expiresAt: new Date('2099-01-01') },
   *   { key: 'user_456', token: 'other_value' },
   * ]
   * const { stored } = await db.storeTokens(sessions, {
   *   signal: AbortSignal.timeout(60_000),
   * })
   * console.log(stored) // 2
   * ```
   */
  storeTokens(
    entries: Iterable<TokenEntry> | AsyncIterable<TokenEntry>,
    options: StoreTokensOptions = {},
  ): Promise<{ stored: number }> {
    return this.#operations.runSteps('storeTokens', ({ tokens }) => {
      checkIterable('entries', entries)
      checkImportOptions(options)
      const store = ({ key, token, expiresAt }: TokenEntry): Promise<void> =>
        tokens.store(key, token, expiresAt)
      return importTokens(entries, store, options, this.#operations.givenUp)
    })
  }

  /**
   * Returns the tokens of these keys, by key, without those that are not there. The commands leave together: one round
   * trip.
   * @throws RedisOAuthDatabaseError of the first read that failed
   * @example
   * ```ts
   * await db.storeToken('user_123', 'token_value')
   * const tokens = await db.getTokens(['user_123', 'user_456'])
   * console.log(tokens.get('user_123'), tokens.has('user_456')) // token_value false
   * ```
   */
  getTokens(keys: Iterable<string>): Promise<Map<string, string>> {
    return this.#operations.run('getTokens', ({ tokens }) => tokens.getMany(keys))
  }

  /**
   * Deletes the tokens of these keys. The commands leave together: one round trip.
   * @returns how many tokens this call removed
   * @throws DeletionError if it could not delete all: with the code of the first failure, once all have ended. Call it again to go on
   * @example
   * ```ts
   * await db.storeToken('user_123', 'token_value')
   * console.log(await db.deleteTokens(['user_123', 'user_456'])) // 1
   * ```
   */
  deleteTokens(keys: Iterable<string>): Promise<number> {
    return this.#operations.run('deleteTokens', ({ tokens }) => tokens.deleteMany(keys))
  }
}
