export { CHANNELS, type FlightEvent, type SessionEvent } from './diagnostics.js'
export { RedisOAuthDatabaseError, type RedisOAuthDatabaseErrorCode } from './errors.js'
export type { FlightOptions } from './flight/single-flight.js'
export type { RedisOAuthDatabaseOptions } from './options.js'
export { RedisOAuthDatabase } from './redis-oauth-database.js'
export type { CoordinatedFetchOptions } from './store/coordination.js'
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
  type OAuthRole,
  type SdkOptions,
  type WithOAuthDatabaseOptions,
  withOAuthDatabase,
} from './with-oauth-database.js'
