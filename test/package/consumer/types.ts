import type {
  AccessToken,
  ClientCredentials,
  EncryptionOptions,
  OAuthDb,
  PKCEValues,
  RedisOAuthDatabaseErrorCode,
  RedisOAuthDatabaseOptions,
  SecretKey,
} from '@atxp/redis'
import { RedisOAuthDatabase, RedisOAuthDatabaseError } from '@atxp/redis'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/** Fails to compile unless its type argument is `true`; a type that decayed to `any` is not. */
function holds<_T extends true>(): void {}

const options: RedisOAuthDatabaseOptions = {
  url: 'redis://localhost:6379',
  host: 'localhost',
  port: 6379,
  password: 'password',
  db: 0,
  keyPrefix: 'atxp:oauth:',
  connectionTimeout: 10_000,
  retryDelayOnFailover: 100,
  maxRetriesPerRequest: 3,
}

export async function useEverything(): Promise<void> {
  const db = new RedisOAuthDatabase(options)
  const stored = db.storeToken('user_123', 'token_value', new Date())
  const token = db.getToken('user_123')
  const deleted = db.deleteToken('user_123')
  const has = db.hasToken('user_123')
  const list = db.listTokens()
  const closed = db.close()
  holds<Same<typeof stored, Promise<void>>>()
  holds<Same<typeof token, Promise<string | null>>>()
  holds<Same<typeof deleted, Promise<boolean>>>()
  holds<Same<typeof has, Promise<boolean>>>()
  holds<Same<typeof list, Promise<string[]>>>()
  holds<Same<typeof closed, Promise<void>>>()
  // @ts-expect-error a date is a Date
  await db.storeToken('user_123', 'token_value', 'tomorrow')
  // @ts-expect-error no such option
  new RedisOAuthDatabase({ hostname: 'localhost' })
}

export async function useRecords(db: RedisOAuthDatabase, contract: OAuthDb): Promise<OAuthDb> {
  holds<Same<ReturnType<typeof db.getAccessToken>, Promise<AccessToken | null>>>()
  holds<Same<ReturnType<typeof db.getPKCEValues>, Promise<PKCEValues | null>>>()
  const credentials: ClientCredentials = { clientId: 'a', clientSecret: 'b', redirectUri: '' }
  await contract.saveClientCredentials('https://auth.example', credentials)
  // @ts-expect-error a client id is a string
  await db.saveClientCredentials('https://auth.example', { ...credentials, clientId: 1 })
  // @ts-expect-error a record needs its resource URL
  await contract.saveAccessToken('user', 'url', { accessToken: 'access' })
  return db
}

export function sealedWith(key: SecretKey): RedisOAuthDatabaseOptions {
  const encryption: EncryptionOptions = { keys: [{ id: 'a', key }] }
  // @ts-expect-error TLS options are those of Node
  void ({ tls: { ca: 5 } } satisfies RedisOAuthDatabaseOptions)
  return { encryption }
}

export function describeFailure(error: unknown): RedisOAuthDatabaseErrorCode | undefined {
  return error instanceof RedisOAuthDatabaseError ? error.code : undefined
}
