import type { ConnectionOptions } from 'node:tls'
import type { EncryptionOptions } from '../crypto/encryption-options.js'
import type { HashKeysOptions } from '../crypto/name-hash.js'
import type { DEFAULTS } from '../leaves/defaults.js'
import type { ClusterOptions, SentinelOptions } from '../redis/address/place-options.js'
import type { BorrowedClient } from '../redis/borrowed-client.js'
import type { CredentialsProvider } from '../redis/driver/credentials.js'
import type { DurabilityOptions } from '../redis/durability.js'

/**
 * Where the Redis server is, and how long to wait for it. Every option may be left out or `undefined`.
 * A part that `url` has (host, port, username, password, db, TLS) wins over the option of that name; a part that it
 * lacks is filled from the option. Any other option that would have no effect beside another is refused, as is an unknown one.
 */
export interface RedisOAuthDatabaseOptions {
  /**
   * Redis connection URL: `redis://[[username]:password@]host[:port][/db]`,
   * `unix://[[username]:password@]/path/to/socket[?db=0]`, `redis-sentinel://.../db?name=mymaster` or `redis-cluster://...`
   * with `host:port,host:port`; `rediss` instead of `redis` for TLS. Percent-encode `@ : / # ? %` in username and
   * password.
   */
  url?: string | undefined
  /**
   * Redis server hostname or IP address.
   * @defaultValue `'localhost'`
   */
  host?: string | undefined
  /**
   * Redis server port, 1 to 65535.
   * @defaultValue `6379`
   */
  port?: number | undefined
  /** Path of a Unix socket, instead of `url`, `host` and `port`. */
  path?: string | undefined
  /** Redis ACL user (Redis 6 and later). Left out: Redis' user `default`. */
  username?: string | undefined
  /** Redis server password for authentication. */
  password?: string | undefined
  /**
   * Redis database number. The server says how many it has: 16 (0-15) unless configured otherwise, 1 in a Cluster.
   * @defaultValue `0`
   */
  db?: number | undefined
  /**
   * TLS options of Node's `tls.connect` (`ca`, `cert`, `key`, `servername`, ...), as PEM, not as paths. `{}` trusts what the system
   * trusts. Each host's own name is sent (SNI) unless `servername` is set. Sentinels get the same options.
   * @example
   * ```ts compile-only
   * import { readFileSync } from 'node:fs'
   *
   * const db = new RedisOAuthDatabase({
   *   host: 'redis.example',
   *   tls: { ca: readFileSync('ca.pem') },
   * })
   * ```
   */
  tls?: ConnectionOptions | undefined
  /**
   * Asked before each connection for `{ username?, password }`, instead of those options: for passwords that change,
   * such as tokens of IAM or Entra. Has `connectionTimeout` to answer. Not together with `username` or `password`.
   * @example
   * ```ts compile-only
   * declare function newestToken(): Promise<string>
   *
   * const db = new RedisOAuthDatabase({
   *   url: 'rediss://redis.example',
   *   credentials: async () => ({ username: 'app', password: await newestToken() }),
   * })
   * ```
   */
  credentials?: CredentialsProvider | undefined
  /**
   * Redis Sentinel: `name` of the master, `nodes` of the Sentinels as `{ host, port }`, and `username` and `password` of the Sentinels
   * themselves. The options of the same names outside are for Redis. `tls` defaults to the `tls` outside; `false` switches it off.
   * @example
   * ```ts
   * const db = new RedisOAuthDatabase({
   *   sentinel: { name: 'mymaster', nodes: [{ host: 'sentinel-1.example', port: 26379 }] },
   * })
   * ```
   */
  sentinel?: SentinelOptions | undefined
  /**
   * Redis Cluster: some `nodes` as `{ host, port }`; the others are found. `natMap` maps `'host:port'`, as the nodes name each other, to
   * the `{ host, port }` that this process can reach.
   * @example
   * ```ts
   * const db = new RedisOAuthDatabase({
   *   cluster: { nodes: [{ host: 'node-1.example', port: 6379 }] },
   * })
   * ```
   */
  cluster?: ClusterOptions | undefined
  /**
   * Your own `Redis` or `Cluster` of ioredis 5 or 6. It is never closed here, and keeps its connection options: those above,
   * `connectionTimeout` and the two retry options are refused with it. It must have no `keyPrefix` of its own.
   * @example
   * ```ts compile-only
   * import { Redis } from 'ioredis'
   *
   * const db = new RedisOAuthDatabase({ client: new Redis('redis://localhost:6379') })
   * ```
   */
  client?: BorrowedClient | undefined
  /**
   * Prefix for all Redis keys to avoid conflicts. No database's prefix may begin with another's, or the one lists the
   * tokens of the other. Hash tags (`{...}`) must be whole.
   * @defaultValue `'atxp:oauth:'`
   */
  keyPrefix?: string | undefined
  /**
   * Connection timeout in milliseconds, at least 1: how long one attempt to connect may take, from TCP to the first answer
   * of Redis. An operation that needs the first connection waits so long for it, whatever `commandTimeout` is.
   * @defaultValue `10000`
   */
  connectionTimeout?: number | undefined
  /**
   * Delay between retry attempts in milliseconds, at least 1, while an operation waits for the connection.
   * @defaultValue `100`
   */
  retryDelayOnFailover?: number | undefined
  /**
   * Maximum number of retry attempts per request: how often the connection is tried again before a waiting operation
   * fails. `0`: the first failed attempt ends it.
   * @defaultValue `3`
   */
  maxRetriesPerRequest?: number | undefined
  /**
   * How long an operation's command may take in milliseconds, at least 1. The time begins with the call, so in an outage it
   * limits the wait for the connection as well; before the first connection (see `connectionTimeout`) it begins when the
   * command can be sent.
   * @defaultValue `2000`
   */
  commandTimeout?: number | undefined
  /**
   * How long an access token record with a refresh token lives after it was saved, in milliseconds, at least 1: it outlives
   * its access token, since a client can only refresh what it can read.
   * @defaultValue `2592000000` (30 days)
   */
  refreshTokenTtl?: number | undefined
  /**
   * How long an access token record without `expiresAt` and refresh token lives after its last save, in milliseconds, at least 1.
   * @defaultValue `86400000` (24 hours)
   */
  accessTokenTtl?: number | undefined
  /**
   * How long PKCE values live, in milliseconds, at least 1: the time a user has to log in.
   * @defaultValue `600000` (10 minutes)
   */
  pkceTtl?: number | undefined
  /**
   * Whether the first `getPKCEValues` consumes the values, so that a callback which is delivered twice redeems its code once.
   * @defaultValue `true`
   * @example
   * ```ts
   * const db = new RedisOAuthDatabase({ singleUsePkce: false })
   * ```
   */
  singleUsePkce?: boolean | undefined
  /**
   * What `getAccessToken` returns for an access token that has expired and has a refresh token: the record (`'keep'`), or
   * null (`'drop'`).
   * @defaultValue `'keep'`
   * @example
   * ```ts
   * const db = new RedisOAuthDatabase({ expiredAccessTokens: 'drop' })
   * ```
   */
  expiredAccessTokens?: 'keep' | 'drop' | undefined
  /**
   * How long, in milliseconds, others wait for a registration after one caller of `getClientCredentials` was told that
   * there is none: so a cold start of many processes registers once. `0` switches it off.
   * @defaultValue `3000`
   */
  registrationLeaseMs?: number | undefined
  /**
   * Keeps what was read in the memory of this process until Redis says that it has changed, so that the next read takes no
   * round trip. `true`, or limits. Costs one more connection to each server. What it promises:
   * https://github.com/atxp-dev/redis/blob/main/docs/near-cache.md
   * @defaultValue `false`
   * @example
   * ```ts
   * const db = new RedisOAuthDatabase({ cache: { maxEntries: 50_000, maxAgeMs: 10_000 } })
   * ```
   */
  cache?: boolean | CacheOptions | undefined
  /**
   * Every write resolves only when `replicas` replicas have confirmed it; after `timeoutMs` it rejects with `NOT_DURABLE`, and a
   * failover could lose it. Protects what has no second copy, such as a rotated refresh token. Costs one more round trip a write,
   * on a separate connection.
   * @example
   * ```ts
   * const db = new RedisOAuthDatabase({ durability: { replicas: 1, timeoutMs: 500 } })
   * ```
   */
  durability?: DurabilityOptions | undefined
  /**
   * Encrypts whole records with AES-256-GCM: `{ keys: [{ id, key }, ...] }`, of which the first encrypts and all decrypt; or
   * `{ seal, open }`, functions of your own. https://github.com/atxp-dev/redis/blob/main/docs/security.md
   * @example
   * ```ts
   * import { randomBytes } from 'node:crypto'
   *
   * // In practice the key comes from a secret store: each start needs the same one.
   * const key = randomBytes(32)
   * const db = new RedisOAuthDatabase({ encryption: { keys: [{ id: '2026-01', key }] } })
   * ```
   */
  encryption?: EncryptionOptions | undefined
  /**
   * Replaces users, URLs and token keys in the names of Redis keys by hashes. `key` is 32 random bytes that can never be changed.
   * Needs `encryption`, since the names are then inside the records. Makes `listTokens` read every token.
   * @example
   * ```ts
   * import { randomBytes } from 'node:crypto'
   *
   * // In practice both keys come from a secret store.
   * const db = new RedisOAuthDatabase({
   *   encryption: { keys: [{ id: '2026-01', key: randomBytes(32) }] },
   *   hashKeys: { key: randomBytes(32) },
   * })
   * ```
   */
  hashKeys?: HashKeysOptions | undefined
}

export interface CacheOptions {
  /**
   * How many records are kept, absent ones included, 1 to 16777215.
   * @defaultValue `10000`
   */
  maxEntries?: number | undefined
  /**
   * Memory that they may take together, in bytes, at least 1. Each character counts as two bytes; most records take half of that.
   * @defaultValue `67108864` (64 MiB)
   */
  maxBytes?: number | undefined
  /**
   * Milliseconds after which a record is read again even if Redis reported no change, at least 1.
   * @defaultValue `30000`
   */
  maxAgeMs?: number | undefined
}

export type OptionName = keyof RedisOAuthDatabaseOptions

/** Options after validation: those with a default have a value. Host, port and db stay open, for the URL to fill. */
export type ResolvedOptions = RedisOAuthDatabaseOptions & {
  [K in Exclude<keyof typeof DEFAULTS.database, 'host' | 'port' | 'db'>]: NonNullable<
    RedisOAuthDatabaseOptions[K]
  >
}
