export { RedisOAuthDatabaseError, type RedisOAuthDatabaseErrorCode } from './errors.js'
export type { RedisOAuthDatabaseOptions } from './options.js'
export { RedisOAuthDatabase } from './redis-oauth-database.js'
export type { AccessTokenInfo } from './store/oauth-store.js'
export {
  StoreTokensError,
  type StoreTokensFailure,
  type StoreTokensOptions,
  type StoreTokensProgress,
  type TokenEntry,
} from './store/token-import.js'
export {
  type OAuthDatabaseOption,
  type WithOAuthDatabase,
  withOAuthDatabase,
} from './with-oauth-database.js'
