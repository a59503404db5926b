export { RedisOAuthDatabaseError, type RedisOAuthDatabaseErrorCode } from './errors.js'
export type { RedisOAuthDatabaseOptions } from './options.js'
export { RedisOAuthDatabase } from './redis-oauth-database.js'
export {
  StoreTokensError,
  type StoreTokensFailure,
  type StoreTokensOptions,
  type StoreTokensProgress,
  type TokenEntry,
} from './token-import.js'
