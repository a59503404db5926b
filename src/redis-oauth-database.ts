import { systemClock } from './clock.js'
import {
  DEFAULTS,
  nameOfVariable,
  optionsFromEnv,
  type RedisOAuthDatabaseOptions,
  resolveOptions,
} from './options.js'
import { checkPart, KeySpace } from './record/keys.js'
import { Commands } from './redis/commands.js'
import { borrow, connect } from './redis/connect.js'
import type { Connection } from './redis/connection.js'
import { closedFailure } from './redis/failure.js'
import { scan } from './redis/scan.js'
import { resolveEndpoint } from './redis/url.js'
import { importTokens, type StoreTokensOptions, type TokenEntry } from './token-import.js'

/**
 * The place where every instance of an ATXP or MCP client and server keeps its OAuth state, in one Redis. One object a
 * process is enough: it holds one connection, made by the first call and made again when it is lost.
 *
 * Methods reject with a `TypeError` for an argument that is not what they take, and with a `RedisOAuthDatabaseError`
 * for everything that goes wrong at run time; its `code` says what. Every command settles within `commandTimeout`, and
 * commands reach Redis in the order of the calls.
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the member stands on the prototype below
export class RedisOAuthDatabase {
  readonly #keys: KeySpace
  readonly #connection: Connection
  readonly #commands: Commands

  /**
   * Does not connect: the first operation does.
   * @throws TypeError that names the option that is wrong and what it takes
   */
  constructor(options: RedisOAuthDatabaseOptions = {}) {
    const resolved = resolveOptions(options)
    const { client, keyPrefix, commandTimeout } = resolved
    this.#keys = new KeySpace(keyPrefix)
    this.#connection = client
      ? borrow(client, commandTimeout)
      : connect(resolveEndpoint(resolved, DEFAULTS), resolved)
    this.#commands = new Commands(this.#connection)
  }

  /**
   * A database configured by `REDIS_URL`, `REDIS_HOST`, `REDIS_PORT`, `REDIS_USERNAME`, `REDIS_PASSWORD`, `REDIS_DB` and
   * `REDIS_KEY_PREFIX`. A variable that is unset or empty counts as left out; `options` win over variables.
   * @throws TypeError that names the variable that is wrong and what it takes
   */
  static fromEnv(
    options: RedisOAuthDatabaseOptions = {},
    env: Readonly<Record<string, string | undefined>> = process.env,
  ): RedisOAuthDatabase {
    const fromEnv = optionsFromEnv(env)
    // Only to have what is wrong with the URL said of the variable.
    resolveEndpoint(fromEnv, DEFAULTS, nameOfVariable('url'))
    return new RedisOAuthDatabase({ ...fromEnv, ...options })
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
  async storeToken(key: string, token: string, expiresAt?: Date): Promise<void> {
    this.#checkOpen()
    await this.#storeToken(key, token, expiresAt)
  }

  /** The token, or null when there is none or it has expired. One round trip. */
  async getToken(key: string): Promise<string | null> {
    const redisKey = this.#keys.token(key)
    this.#checkOpen()
    return this.#commands.get(redisKey)
  }

  /**
   * Deletes a token; true only if it removed one. One round trip.
   * @throws RedisOAuthDatabaseError `OUTCOME_UNKNOWN` when the connection was cut at a moment that leaves it open
   * whether this call removed it
   */
  async deleteToken(key: string): Promise<boolean> {
    const redisKey = this.#keys.token(key)
    this.#checkOpen()
    return this.#commands.delete(redisKey)
  }

  /** Whether there is such a token that has not expired. One round trip. */
  async hasToken(key: string): Promise<boolean> {
    const redisKey = this.#keys.token(key)
    this.#checkOpen()
    return this.#commands.exists(redisKey)
  }

  /**
   * When Redis will remove the token: `'never'` where it has no expiry, null where there is no such token.
   * One round trip; two at the first call on servers before Redis 7.
   */
  async getTokenExpiry(key: string): Promise<Date | 'never' | null> {
    const redisKey = this.#keys.token(key)
    this.#checkOpen()
    const expiry = await this.#commands.expiry(redisKey)
    if (expiry === undefined) return null
    return expiry === null ? 'never' : new Date(expiry)
  }

  /**
   * The keys of all tokens, each once, ready for {@link RedisOAuthDatabase.getToken}.
   *
   * Walks Redis' whole keyspace with `SCAN`: one round trip per 1000 keys of all kinds and prefixes, about 1.3 s a
   * million, in small steps that leave others undisturbed. Holds all keys in memory; see
   * {@link RedisOAuthDatabase.scanTokens}.
   */
  async listTokens(): Promise<string[]> {
    this.#checkOpen()
    return this.#connection.hold(async () => {
      const keys = new Set<string>()
      for await (const key of this.#scanTokens()) keys.add(key)
      return [...keys]
    })
  }

  /**
   * The keys of all tokens as they are found, without a list in memory. A token that is there all along comes at least
   * once; one may come twice while Redis resizes its table. Costs as {@link RedisOAuthDatabase.listTokens} does.
   */
  async *scanTokens(): AsyncGenerator<string, void, undefined> {
    this.#checkOpen()
    for await (const key of this.#scanTokens()) {
      yield key
      this.#checkOpen()
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
    this.#checkOpen()
    return this.#connection.hold(() =>
      importTokens(
        entries,
        (entry) => this.#storeToken(entry.key, entry.token, entry.expiresAt ?? undefined),
        options,
      ),
    )
  }

  /** The tokens of these keys, by key, those that are there. The commands leave together: one round trip. */
  async getTokens(keys: Iterable<string>): Promise<Map<string, string>> {
    const names = this.#tokenNames(keys)
    this.#checkOpen()
    const found = new Map<string, string>()
    await Promise.all(
      names.map(async ([key, redisKey]) => {
        const token = await this.#commands.get(redisKey)
        if (token !== null) found.set(key, token)
      }),
    )
    return found
  }

  /**
   * Deletes the tokens of these keys and says how many it removed. The commands leave together: one round trip.
   * @throws RedisOAuthDatabaseError of the first that failed, once all have ended; the others are deleted
   */
  async deleteTokens(keys: Iterable<string>): Promise<number> {
    const names = this.#tokenNames(keys)
    this.#checkOpen()
    const results = await Promise.allSettled(
      names.map(([, redisKey]) => this.#commands.delete(redisKey)),
    )
    let removed = 0
    for (const result of results) {
      if (result.status === 'rejected') throw result.reason
      if (result.value) removed += 1
    }
    return removed
  }

  /** Resolves when Redis answers, and rejects with the reason when it does not. One round trip. */
  async ping(): Promise<void> {
    this.#checkOpen()
    await this.#commands.ping()
  }

  /**
   * Lets operations in flight finish, then closes the connection, so that the process can exit. Safe to call more than
   * once and before the connection stands. A borrowed `client` stays open. Later operations reject with `CLOSED`.
   */
  close(): Promise<void> {
    return this.#connection.close()
  }

  async #storeToken(key: string, token: string, expiresAt: Date | undefined): Promise<void> {
    const redisKey = this.#keys.token(key)
    checkPart('token', token)
    if (token === '') throw new TypeError('token must not be empty')
    const expiry = checkExpiry(expiresAt)
    if (expiry !== undefined && expiry <= systemClock.now()) await this.#commands.delete(redisKey)
    else await this.#commands.set(redisKey, token, expiry)
  }

  async *#scanTokens(): AsyncGenerator<string, void, undefined> {
    for await (const redisKeys of scan(this.#connection, this.#keys.pattern)) {
      for (const redisKey of redisKeys) {
        const key = this.#keys.tokenKeyOf(redisKey)
        if (key !== null) yield key
      }
    }
  }

  #tokenNames(keys: Iterable<string>): [key: string, redisKey: string][] {
    if (typeof keys === 'string')
      throw new TypeError('keys must be an iterable of strings, not a string')
    checkIterable('keys', keys)
    return [...new Set(keys)].map((key) => [key, this.#keys.token(key)])
  }

  #checkOpen(): void {
    if (this.#connection.isClosed) throw closedFailure()
  }
}

function checkExpiry(expiresAt: unknown): number | undefined {
  if (expiresAt === undefined) return undefined
  if (expiresAt instanceof Date && !Number.isNaN(expiresAt.getTime())) return expiresAt.getTime()
  throw new TypeError(
    'expiresAt must be a valid Date, or left out for a token that does not expire',
  )
}

function checkIterable(argument: string, value: unknown): void {
  const isIterable =
    typeof value === 'object' &&
    value !== null &&
    (Symbol.iterator in value || Symbol.asyncIterator in value)
  if (!isIterable) throw new TypeError(`${argument} must be an iterable`)
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
