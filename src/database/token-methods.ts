import {
  checkImportOptions,
  importTokens,
  type StoreTokensOptions,
  type TokenEntry,
} from '../store/token-import.js'
import { checkIterable } from '../store/token-store.js'
import type { Operations } from './operations.js'

/** Tokens under keys of the caller's choice. */
export abstract class TokenMethods {
  readonly #operations: Operations

  /** @internal */
  constructor(operations: Operations) {
    this.#operations = operations
  }

  /**
   * Stores a token. Storing again replaces token and expiry. One that has expired already is not stored, and removes an
   * older one under that key.
   * @param key - any string but the empty one; it becomes part of the Redis key, so put no secret into it
   * @param expiresAt - Redis removes the token at this time, to the millisecond; null or left out, the token lives until it
   * is deleted
   *
   * One round trip.
   */
  storeToken(key: string, token: string, expiresAt?: Date | null): Promise<void> {
    return this.#operations.send('storeToken', ({ tokens }) => tokens.store(key, token, expiresAt))
  }

  /** The token, or null when there is none or it has expired. One round trip. */
  getToken(key: string): Promise<string | null> {
    return this.#operations.send('getToken', ({ tokens }) => tokens.get(key))
  }

  /**
   * Deletes a token; true only if it removed one. One round trip.
   * @throws RedisOAuthDatabaseError `OUTCOME_UNKNOWN` when the connection was cut at a moment that leaves it open
   * whether this call removed it
   */
  deleteToken(key: string): Promise<boolean> {
    return this.#operations.send('deleteToken', ({ tokens }) => tokens.delete(key))
  }

  /** Whether there is such a token that has not expired. One round trip. */
  hasToken(key: string): Promise<boolean> {
    return this.#operations.send('hasToken', ({ tokens }) => tokens.has(key))
  }

  /**
   * When Redis will remove the token: `'never'` where it has no expiry, null where there is no such token.
   * One round trip; two at the first call on servers before Redis 7.
   */
  getTokenExpiry(key: string): Promise<Date | 'never' | null> {
    return this.#operations.send('getTokenExpiry', ({ tokens }) => tokens.expiry(key))
  }

  /**
   * The keys of all tokens, each once, ready for {@link RedisOAuthDatabase.getToken}.
   *
   * Walks Redis' whole keyspace with `SCAN`: one round trip per 1000 keys of all kinds and prefixes, about 1.3 s a
   * million, in small steps that leave others undisturbed. Holds all keys in memory; see
   * {@link RedisOAuthDatabase.scanTokens}.
   */
  listTokens(): Promise<string[]> {
    return this.#operations.run('listTokens', ({ tokens }) => tokens.list())
  }

  /**
   * The keys of all tokens as they are found, without a list in memory. A token that is there all along comes at least
   * once; one may come twice while Redis resizes its table. Costs as {@link RedisOAuthDatabase.listTokens} does.
   */
  async *scanTokens(): AsyncGenerator<string, void, undefined> {
    const operations = this.#operations
    const steps = operations.parts.tokens.scan()
    // Each step is a call of its own: `close` waits for those, and not for whoever takes the keys.
    const next = (): Promise<IteratorResult<string[], void>> =>
      operations.run('scanTokens', () => steps.next())
    try {
      for (let step = await next(); !step.done; step = await next()) {
        for (const key of step.value) {
          yield key
          operations.checkOpen('scanTokens')
        }
      }
    } finally {
      // Not waited for: a step that was given up may hang.
      steps.return().catch(() => {})
    }
  }

  /**
   * Stores many tokens, as {@link RedisOAuthDatabase.storeToken} does each, with at most 400 on their way at a time.
   * Takes any iterable or async iterable, so a source may be larger than memory.
   * @returns how many Redis has acknowledged, those that had expired already among them
   * @throws StoreTokensError that says how many were stored and exactly which entry failed; its `code` is that of the
   * first failure, `INVALID_ENTRY`, `SOURCE_FAILED` or `ABORTED`
   */
  storeTokens(
    entries: Iterable<TokenEntry> | AsyncIterable<TokenEntry>,
    options: StoreTokensOptions = {},
  ): Promise<{ stored: number }> {
    return this.#operations.run('storeTokens', ({ tokens }) => {
      checkIterable('entries', entries)
      checkImportOptions(options)
      const store = ({ key, token, expiresAt }: TokenEntry): Promise<void> =>
        tokens.store(key, token, expiresAt)
      return importTokens(entries, store, options, this.#operations.givenUp)
    })
  }

  /** The tokens of these keys, by key, those that are there. The commands leave together: one round trip. */
  getTokens(keys: Iterable<string>): Promise<Map<string, string>> {
    return this.#operations.run('getTokens', ({ tokens }) => tokens.getMany(keys))
  }

  /**
   * Deletes the tokens of these keys and says how many it removed. The commands leave together: one round trip.
   * @throws RedisOAuthDatabaseError of the first that failed, once all have ended; the others are deleted
   */
  deleteTokens(keys: Iterable<string>): Promise<number> {
    return this.#operations.run('deleteTokens', ({ tokens }) => tokens.deleteMany(keys))
  }
}
