import type { ConnectionOptions } from 'node:tls'
import type { Address, UrlParts } from './url.js'

export interface SentinelOptions {
  readonly name?: string | undefined
  readonly nodes?: readonly Address[] | undefined
  readonly username?: string | undefined
  readonly password?: string | undefined
  /** Those outside of `sentinel` if left out; `false` for Sentinels without TLS beside a Redis with it. */
  readonly tls?: ConnectionOptions | false | undefined
}

export interface ClusterOptions {
  readonly nodes?: readonly Address[] | undefined
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
