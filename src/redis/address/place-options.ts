import type { ConnectionOptions } from 'node:tls'
import type { Address, UrlParts } from './url.js'

export interface SentinelOptions {
  readonly name?: string | undefined
  /**
   * The Sentinels. Some are enough.
   * @example
   * ```ts
   * const nodes = [{ host: 'sentinel-1.example', port: 26379 }, { host: 'sentinel-2.example', port: 26379 }]
   * const db = new RedisOAuthDatabase({ sentinel: { name: 'mymaster', nodes } })
   * ```
   */
  readonly nodes?: readonly Address[] | undefined
  readonly username?: string | undefined
  readonly password?: string | undefined
  /**
   * Those outside of `sentinel` if left out; `false` for Sentinels without TLS beside a Redis with it.
   * @example
   * ```ts
   * const nodes = [{ host: 'sentinel-1.example', port: 26379 }]
   * const db = new RedisOAuthDatabase({
   *   sentinel: { name: 'mymaster', nodes, tls: false },
   *   tls: {},
   * })
   * ```
   */
  readonly tls?: ConnectionOptions | false | undefined
}

export interface ClusterOptions {
  /**
   * The nodes to begin with. Some are enough: they name the others.
   * @example
   * ```ts
   * const nodes = [{ host: 'node-1.example', port: 6379 }, { host: 'node-2.example', port: 6379 }]
   * const db = new RedisOAuthDatabase({ cluster: { nodes } })
   * ```
   */
  readonly nodes?: readonly Address[] | undefined
  /**
   * Where nodes can be reached, by `'host:port'` as they call each other.
   * @example
   * ```ts
   * const db = new RedisOAuthDatabase({
   *   cluster: {
   *     nodes: [{ host: 'node-1.example', port: 6379 }],
   *     natMap: { '10.0.0.1:6379': { host: 'node-1.example', port: 6379 } },
   *   },
   * })
   * ```
   */
  readonly natMap?: Readonly<Record<string, Address>> | undefined
}

/** Options that say where Redis is, and who asks. */
export interface PlaceOptions
  extends Pick<UrlParts, 'host' | 'port' | 'path' | 'username' | 'password' | 'db' | 'tls'> {
  readonly url?: string | undefined
  readonly sentinel?: SentinelOptions | undefined
  readonly cluster?: ClusterOptions | undefined
  readonly credentials?: unknown
}
