import { type InspectOptions, inspect } from 'node:util'
import { type KeyUsage, keysFromEnv } from '../crypto/keyring.js'
import type { FlightOptions } from '../flight/single-flight.js'
import type { FetchLike } from '../leaves/contract.js'
import { DEFAULTS } from '../leaves/defaults.js'
import { optionsFromEnv } from '../options/environment.js'
import type { RedisOAuthDatabaseOptions } from '../options/options.js'
import { refuseOverruled } from '../redis/address/contradictions.js'
import { resolveTopology } from '../redis/address/topology.js'
import { type Health, healthOf } from '../redis/health.js'
import { checkReadyOptions, type ReadyOptions, ready } from '../redis/readiness.js'
import { type ResealOptions, type ResealProgress, reseal } from '../store/bulk/reseal.js'
import type { CoordinatedFetchOptions } from '../store/coordination.js'
import { descriptionOf } from './description.js'
import { OAuthMethods } from './oauth-methods.js'
import { type CloseOptions, Operations } from './operations.js'
import { keepOperations, operationsIn } from './operations-of.js'

/**
 * Keeps the OAuth state of ATXP and MCP clients and servers in one Redis, for all their processes. Make one object in each
 * process: it holds one connection, which the first call opens and which is re-established when it is lost.
 *
 * Methods reject with a `TypeError` for a wrong argument, and with a `RedisOAuthDatabaseError` for every failure at run time;
 * its `code` says which. Every command settles within `commandTimeout`, and commands reach Redis in the order of the calls.
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the member stands on the prototype below
export class RedisOAuthDatabase extends OAuthMethods {
  readonly #operations: Operations

  /**
   * Connects with the first call, not here.
   * @throws TypeError that names the option that is wrong and what it takes
   * @example
   * ```ts
   * const db = new RedisOAuthDatabase({ url: 'redis://localhost:6379' })
   * await db.storeToken('user_123', 'token_value')
   * await db.close()
   * ```
   */
  constructor(options: RedisOAuthDatabaseOptions = {}) {
    const operations = new Operations(options)
    super(operations)
    this.#operations = operations
    keepOperations(this, operations)
  }

  /**
   * Makes a database from `REDIS_URL`, `REDIS_HOST`, `REDIS_PORT`, `REDIS_USERNAME`, `REDIS_PASSWORD`, `REDIS_DB` and
   * `REDIS_KEY_PREFIX`. `ATXP_REDIS_ENCRYPTION_KEYS` switches `encryption` on, `ATXP_REDIS_HASH_KEY` `hashKeys`.
   *
   * Empty variables count as unset, except that empty keys are refused: a secret that failed to mount must not mean plain records.
   * `options` win over variables. If they say where Redis is (`url`, `host`, `path`, `client`, `sentinel`, `cluster`), only
   * `REDIS_KEY_PREFIX` and the keys are read, so that no password reaches another server. An option that contradicts
   * `REDIS_URL` is refused.
   * @param env - the variables; `process.env` if left out
   * @throws TypeError that names the variable that is wrong and what it takes
   * @example
   * ```ts
   * const db = RedisOAuthDatabase.fromEnv({ commandTimeout: 1_000 })
   * ```
   */
  static fromEnv(
    options: RedisOAuthDatabaseOptions = {},
    env: Readonly<Record<string, string | undefined>> = process.env,
  ): RedisOAuthDatabase {
    const { options: known, nameOf } = optionsFromEnv(env, options, keysFromEnv)
    // Only to have what is wrong said of the variable that it came from.
    if (known.client === undefined) resolveTopology(known, DEFAULTS.database, nameOf)
    if (known.url !== options.url) refuseOverruled(known.url, options, nameOf)
    return new RedisOAuthDatabase(known)
  }

  /**
   * Runs `work` in one place at a time, of all processes that share this Redis, unless `options.recheck` finds its result. If the
   * process that works dies, another takes over after `leaseMs`. Costs the working caller two round trips; the others wait to be
   * woken. What a lease can promise: https://github.com/atxp-dev/redis/blob/main/docs/guarantees.md
   * @param name - the same for all callers of this work; its SHA-256 becomes part of a Redis key
   * @param work - `signal` aborts when the lease is lost or held for `maxHoldMs`
   * @returns what `work` returned, or what `recheck` found
   * @throws RedisOAuthDatabaseError `TIMEOUT` if others did not finish within `waitMs`; `CLOSED` if `close` came first
   * @example
   * ```ts
   * const report = await db.singleFlight(
   *   'daily report',
   *   async (signal) => {
   *     if (signal.aborted) throw new Error('another process took over')
   *     await db.storeToken('daily-report', 'report of today')
   *     return 'report of today'
   *   },
   *   { recheck: async () => (await db.getToken('daily-report')) ?? undefined },
   * )
   * console.log(report) // report of today
   * ```
   */
  singleFlight<T>(
    name: string,
    work: (signal: AbortSignal) => Promise<T>,
    options: FlightOptions<T>,
  ): Promise<T> {
    return this.#operations.runSteps('singleFlight', ({ coordination }) =>
      coordination.singleFlight(name, work, options),
    )
  }

  /**
   * Returns a `fetch` for the OAuth channel of the SDK (`oAuthChannelFetch`, `sideChannelFetch`, the MCP SDK's
   * `fetchFn`). Of all processes, one refreshes a token and one registers, and the others get the result. All other
   * requests pass unchanged. {@link withOAuthDatabase} wires it in.
   *
   * A registration is shared only if the client has read the authorization server's metadata (RFC 8414) through this `fetch`. Give
   * each client its own `fetch`, for all of its requests if you can: then a token that another process has just renewed is
   * not renewed again. The client, not the `fetch` given here, must set headers that tell accounts apart.
   *
   * Make the first before tokens are read. Of those read earlier, the last 64 are known; the refresh of another is not coordinated.
   *
   * A refresh costs seven round trips.
   * @param fetch - sends the requests; the global `fetch` if left out
   * @throws TypeError on Node 16, which has no global `fetch`
   * @throws RedisOAuthDatabaseError from the `fetch` that it returns: `REFRESH_RESTING` while the authorization server keeps failing;
   * `TIMEOUT` if another process did not finish; `OUTCOME_UNKNOWN` if an answer takes over 25 seconds, is over 1 MiB or redirects
   * to another origin; codes of Redis if it is away before a refresh
   * @example
   * ```ts
   * const oAuthChannelFetch = db.coordinatedFetch(fetch)
   * ```
   */
  coordinatedFetch(fetch?: FetchLike, options: CoordinatedFetchOptions = {}): FetchLike {
    return this.#operations.parts.coordination.coordinatedFetch(fetch, options)
  }

  /**
   * Encrypts again every record that is plain, or encrypted with a key that is no longer the first; afterwards that key can be
   * removed. Safe to run while others read and write, and to abort and repeat. Walks the whole keyspace, as {@link
   * TokenMethods.listTokens} does, with two more round trips per record that it changes.
   * @returns how many records it saw and changed, and how many it could not decrypt
   * @throws TypeError without `encryption`
   * @throws RedisOAuthDatabaseError `ABORTED` by `options.signal`; `SEALING_FAILED` if `seal` or `open` of yours fails
   * @example
   * ```ts
   * import { randomBytes } from 'node:crypto'
   *
   * const db = RedisOAuthDatabase.fromEnv({
   *   encryption: {
   *     acceptPlaintext: true,
   *     keys: [{ id: 'new', key: randomBytes(32) }],
   *   },
   * })
   * const { resealed, unreadable } = await db.reseal({ signal: AbortSignal.timeout(600_000) })
   * console.log(resealed, unreadable) // 0 0
   * ```
   */
  reseal(options: ResealOptions = {}): Promise<ResealProgress> {
    return this.#operations.runSteps('reseal', ({ keys, commands, sealer }) => {
      if (sealer === undefined) throw new TypeError('reseal needs options.encryption')
      return reseal(keys, commands, sealer, options)
    })
  }

  /**
   * Returns what Redis says of itself, per node (version, role, memory, persistence, round-trip time, clock skew), and
   * `warnings` for an operator, each with a `code`. Three round trips a node, four in a Cluster.
   * @throws RedisOAuthDatabaseError that says why Redis does not answer; `CLUSTER_DOWN` if a part of a Cluster is not served
   * @example
   * ```ts
   * const { topology, nodes, warnings } = await db.health()
   * console.log(topology, nodes.length) // server 1
   * if (warnings.some(({ code }) => code === 'EVICTION')) console.error('records may be lost')
   * ```
   */
  health(): Promise<Health> {
    return this.#operations.run(
      'health',
      async ({ connection, topology, database, durability, tracking }) => {
        const place = { topology, database }
        const health = await healthOf(connection, place, durability?.replicas ?? 0)
        const message = tracking?.warning
        if (message === undefined) return health
        const warning = { code: 'CACHE_OFF', server: connection.server, message } as const
        return { ...health, warnings: [...health.warnings, warning] }
      },
    )
  }

  /**
   * Returns how many records each encryption key has encrypted in this process, and how many it may; empty without keys.
   * No round trip.
   * @example
   * ```ts
   * for (const { id, sealed, maxSeals } of db.encryptionKeyUsage()) {
   *   if (sealed > maxSeals / 2) console.log(`replace key ${id}`)
   * }
   * ```
   */
  encryptionKeyUsage(): KeyUsage[] {
    return this.#operations.parts.sealer?.usage() ?? []
  }

  /**
   * Resolves when Redis answers. One round trip.
   * @throws RedisOAuthDatabaseError that says why it does not, such as `CONNECTION_REFUSED` or `TIMEOUT`
   * @example
   * ```ts
   * try {
   *   await db.ping()
   * } catch (error) {
   *   if (error instanceof RedisOAuthDatabaseError) console.error(error.code, error.message)
   * }
   * ```
   */
  ping(): Promise<void> {
    return this.#operations.send('ping', ({ commands }) => commands.ping())
  }

  /**
   * For a readiness probe: resolves when Redis serves this database, and rejects with the reason if it does not, within
   * `commandTimeout`, also before the first connection. With `write: true` it tries out everything that storing needs, and so finds
   * a replica (`READ_ONLY`), a full memory (`OUT_OF_MEMORY`) and missing rights (`PERMISSION_DENIED`). One round trip; in a
   * Cluster two, to every master.
   * @throws TypeError for options that are none
   * @throws RedisOAuthDatabaseError that says why Redis does not serve
   * @example
   * ```ts
   * await db.ready({ write: true })
   * ```
   */
  ready(options: ReadyOptions = {}): Promise<void> {
    return this.#operations.run('ready', (parts) => {
      checkReadyOptions(options)
      return ready(parts, parts.keys.of('marker').redisKey, options)
    })
  }

  /**
   * Lets calls under way finish, then closes the connection, so that the process can exit. Later calls reject with `CLOSED`.
   * Safe to call more than once and before there is a connection. A borrowed `client` stays open.
   *
   * Resolves within `options.timeoutMs` and never rejects, whatever Redis, an authorization server or code of yours does.
   * Calls that have not finished by then reject with `CLOSED`, or with `OUTCOME_UNKNOWN` where a part of them may have
   * happened.
   * @param options - `timeoutMs`: how long calls under way may take to finish; 25 000 unless set
   * @throws TypeError for a `timeoutMs` that is no whole number of milliseconds
   * @example
   * ```ts
   * process.once('SIGTERM', () => db.close())
   * ```
   */
  override close(options?: CloseOptions): Promise<void> {
    return this.#operations.close(options)
  }
}

/**
 * What `await using` calls: `Symbol.asyncDispose` where the program that compiles this knows it, and no member where it does
 * not, so that the declarations compile with every `lib`.
 */
export type AsyncDisposableWhereKnown = {
  [K in SymbolConstructor extends { readonly asyncDispose: infer S extends symbol }
    ? S
    : never]: () => Promise<void>
}

export interface RedisOAuthDatabase extends AsyncDisposableWhereKnown {}

// What console.log shows: enough to see a wrong prefix or database by, and no secret.
Object.defineProperty(RedisOAuthDatabase.prototype, inspect.custom, {
  value(this: RedisOAuthDatabase, _depth: number, options: InspectOptions): string {
    const parts = operationsIn(this)?.parts
    return `RedisOAuthDatabase ${inspect(parts ? descriptionOf(parts) : {}, options)}`
  },
  configurable: true,
  writable: true,
})

const { asyncDispose } = Symbol as { asyncDispose?: symbol }
if (asyncDispose !== undefined) {
  Object.defineProperty(RedisOAuthDatabase.prototype, asyncDispose, {
    value(this: RedisOAuthDatabase): Promise<void> {
      return this.close()
    },
    configurable: true,
    writable: true,
  })
}
