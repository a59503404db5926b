import type { ConnectionOptions } from 'node:tls'
import type { Cluster, Redis } from 'ioredis'
import type { Cluster as Cluster6, Redis as Redis6 } from 'ioredis-6'
import type { Cluster as OldestCluster, Redis as OldestRedis } from 'ioredis-oldest'
import {
  type CloseOptions,
  RedisOAuthDatabase,
  RedisOAuthDatabaseError,
  type RedisOAuthDatabaseErrorCode,
  type RedisOAuthDatabaseOptions,
  type StoreTokensError,
  type StoreTokensFailure,
  type StoreTokensOptions,
  type TokenEntry,
} from '../../src/index.js'

// The types that the reference documents, and those of the token API beyond it. Compiling is the test.

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/** Compiles only where its type argument is `true`. */
function holds<_T extends true>(): void {}

type Method<K extends keyof RedisOAuthDatabase> = RedisOAuthDatabase[K]

holds<
  Same<
    ConstructorParameters<typeof RedisOAuthDatabase>,
    [options?: RedisOAuthDatabaseOptions | undefined]
  >
>()
holds<
  Same<Method<'storeToken'>, (key: string, token: string, expiresAt?: Date | null) => Promise<void>>
>()
holds<Same<Method<'getToken'>, (key: string) => Promise<string | null>>>()
holds<Same<Method<'deleteToken'>, (key: string) => Promise<boolean>>>()
holds<Same<Method<'hasToken'>, (key: string) => Promise<boolean>>>()
holds<Same<Method<'listTokens'>, () => Promise<string[]>>>()
holds<Same<Method<'close'>, (options?: CloseOptions) => Promise<void>>>()
holds<Method<'close'> extends () => Promise<void> ? true : false>()

interface DocumentedOptions {
  url?: string
  host?: string
  port?: number
  password?: string
  db?: number
  keyPrefix?: string
  connectionTimeout?: number
  retryDelayOnFailover?: number
  maxRetriesPerRequest?: number
}

type Given<T> = { [K in keyof T]-?: NonNullable<T[K]> }
type Options = Given<RedisOAuthDatabaseOptions>

holds<Same<Pick<Options, keyof DocumentedOptions>, Given<DocumentedOptions>>>()
holds<DocumentedOptions extends RedisOAuthDatabaseOptions ? true : false>()
holds<Record<string, never> extends RedisOAuthDatabaseOptions ? true : false>()
holds<Same<Options['username'], string>>()
holds<Same<Options['path'], string>>()
holds<Same<Options['commandTimeout'], number>>()
holds<Same<Options['tls'], ConnectionOptions>>()
// Whichever copy of ioredis the application has.
holds<Redis | Cluster extends Options['client'] ? true : false>()
holds<OldestRedis | OldestCluster extends Options['client'] ? true : false>()
holds<Redis6 | Cluster6 extends Options['client'] ? true : false>()

// A variable of the environment may be undefined, also under `exactOptionalPropertyTypes`.
holds<undefined extends RedisOAuthDatabaseOptions['url'] ? true : false>()

holds<Same<Method<'scanTokens'>, () => AsyncGenerator<string, void, undefined>>>()
holds<
  Same<
    Method<'storeTokens'>,
    (
      entries: Iterable<TokenEntry> | AsyncIterable<TokenEntry>,
      options?: StoreTokensOptions,
    ) => Promise<{ stored: number }>
  >
>()
holds<Same<Method<'getTokens'>, (keys: Iterable<string>) => Promise<Map<string, string>>>>()
holds<Same<Method<'deleteTokens'>, (keys: Iterable<string>) => Promise<number>>>()
holds<Same<Method<'getTokenExpiry'>, (key: string) => Promise<Date | 'never' | null>>>()
holds<Same<Method<'ping'>, () => Promise<void>>>()
holds<
  Same<
    typeof RedisOAuthDatabase.fromEnv,
    (
      options?: RedisOAuthDatabaseOptions,
      env?: Readonly<Record<string, string | undefined>>,
    ) => RedisOAuthDatabase
  >
>()

holds<Same<RedisOAuthDatabaseError['code'], RedisOAuthDatabaseErrorCode>>()
holds<StoreTokensError extends RedisOAuthDatabaseError ? true : false>()
holds<Same<StoreTokensError['failures'], readonly StoreTokensFailure[]>>()

export async function refused(db: RedisOAuthDatabase): Promise<void> {
  // @ts-expect-error a date is a Date
  await db.storeToken('user_123', 'token', '2040-01-01')
  // @ts-expect-error a token is a string
  await db.storeToken('user_123', { token: 'a' })
  // @ts-expect-error a key is a string
  await db.getToken(123)
  // @ts-expect-error keys are an iterable of strings
  await db.getTokens(123)
  // @ts-expect-error no such option
  new RedisOAuthDatabase({ hostname: 'localhost' })
  // @ts-expect-error a port is a number
  new RedisOAuthDatabase({ port: '6379' })
  // @ts-expect-error a client is one of ioredis
  new RedisOAuthDatabase({ client: { get: () => 'a' } })
  // @ts-expect-error no such code
  new RedisOAuthDatabaseError('NO_SUCH_CODE', 'a message')
}

export async function disposed(): Promise<void> {
  await using db = new RedisOAuthDatabase()
  await db.ping()
}
