import type { ConnectionOptions } from 'node:tls'
import type { EncryptionOptions } from '../crypto/encryption-options.js'
import type { HashKeysOptions } from '../crypto/name-hash.js'
import type { DEFAULTS } from '../defaults.js'
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
   * TLS options of Node's `tls.connect` (`ca`, `cert`, `key`, `servername`, ...), in PEM and not as paths; `{}` for TLS with the
   * system's trust. Each host is asked by its own name (SNI) unless `servername` says one. They hold for Sentinels too.
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
   * Redis Sentinel: `name` of the master and `nodes` of the Sentinels as `{ host, port }`; `username` and `password` of the
   * Sentinels themselves, where they ask for them. Those outside are for Redis. `tls` of the Sentinels is the one outside unless
   * set; `false` for none.
   * @example
   * ```ts
   * const db = new RedisOAuthDatabase({
   *   sentinel: { name: 'mymaster', nodes: [{ host: 'sentinel-1.example', port: 26379 }] },
   * })
   * ```
   */
  sentinel?: SentinelOptions | undefined
  /**
   * Redis Cluster: `nodes` to begin with as `{ host, port }`; `natMap` from `'host:port'` as the nodes call each other to
   * `{ host, port }` as they can be reached.
   * @example
   * ```ts
   * const db = new RedisOAuthDatabase({
   *   cluster: { nodes: [{ host: 'node-1.example', port: 6379 }] },
   * })
   * ```
   */
  cluster?: ClusterOptions | undefined
  /**
   * A `Redis` or `Cluster` of ioredis 5 or 6 of the caller's. It is borrowed: never closed, and its own connection options hold. Those above,
   * `connectionTimeout` and the two retry options are refused beside it, and a client with a `keyPrefix` of its own is.
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
   * How long an access token record lives that has neither `expiresAt` nor a refresh token, in milliseconds, at least 1;
   * each save begins anew.
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
   * Has every write resolve only once `replicas` replicas confirmed it within `timeoutMs`; else it rejects with
   * `NOT_DURABLE`, and a failover could lose it. For what cannot be had again: a rotated refresh token. Costs one more round
   * trip a write, over a connection of its own.
   * @example
   * ```ts
   * const db = new RedisOAuthDatabase({ durability: { replicas: 1, timeoutMs: 500 } })
   * ```
   */
  durability?: DurabilityOptions | undefined
  /**
   * Encryption of every record, whole, with AES-256-GCM: `{ keys: [{ id, key }, ...] }`, of which the first seals and all
   * open; or `{ seal, open }` of the caller's. See
   * https://github.com/atxp-dev/redis/blob/main/docs/security.md
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
   * Hashes instead of users, URLs and token keys in the names of Redis keys: `{ key }`, 32 random bytes that are kept for
   * ever. Needs `encryption`, since the names then stand inside the records. Makes `listTokens` read every token.
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
   * How many records are kept, those that are absent among them, 1 to 16777215.
   * @defaultValue `10000`
   */
  maxEntries?: number | undefined
  /**
   * Memory that they may take together, in bytes, at least 1. Counted as if each character took two bytes; with most records it
   * takes half of that.
   * @defaultValue `67108864` (64 MiB)
   */
  maxBytes?: number | undefined
  /**
   * Milliseconds after which a record is read again, whatever was heard of it, at least 1.
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
