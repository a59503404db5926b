export type {
  CustomEncryptionOptions,
  EncryptionOptions,
  KeyEncryptionOptions,
  SharedEncryptionOptions,
} from './crypto/encryption-options.js'
export type { EncryptionKey, KeyUsage } from './crypto/keyring.js'
export type { HashKeysOptions } from './crypto/name-hash.js'
export type { SealContext, Sealing } from './crypto/sealing.js'
export type { SecretKey } from './crypto/secret-key.js'
export type { OAuthMethods, ResourceServerDb } from './database/oauth-methods.js'
export type { CloseOptions } from './database/operations.js'
export {
  type AsyncDisposableWhereKnown,
  RedisOAuthDatabase,
} from './database/redis-oauth-database.js'
export { RedisOAuthDb } from './database/redis-oauth-db.js'
export type {
  AuthorizationServerMetadata,
  ResourceClient,
  ResourceClientClass,
  TokenData,
} from './database/resource-client.js'
export type { TokenMethods } from './database/token-methods.js'
export {
  type AuthenticationRequired,
  type OAuthDatabaseOption,
  type OAuthRole,
  type RoleOf,
  type SdkOptions,
  type SdkOptionsOf,
  type ServerOptions,
  type WithOAuthDatabaseOptions,
  withOAuthDatabase,
} from './database/with-oauth-database.js'
export type { FlightOptions } from './flight/single-flight.js'
export type {
  AccessToken,
  ClientCredentials,
  FetchLike,
  OAuthDb,
  PKCEValues,
} from './leaves/contract.js'
export {
  type CacheEvent,
  CHANNELS,
  type ConfigurationEvent,
  type ConnectionEvent,
  type FlightEvent,
  type FlightKind,
  type OperationEvent,
  type SessionEvent,
} from './leaves/diagnostics.js'
export {
  DeletionError,
  RedisOAuthDatabaseError,
  type RedisOAuthDatabaseErrorCode,
} from './leaves/errors.js'
export { TRACING_CHANNELS, type TraceEvent } from './leaves/tracing.js'
export type { Place } from './oauth/places/token-places.js'
export type { CacheOptions, RedisOAuthDatabaseOptions } from './options/options.js'
export type { RedisOAuthDbLogger, RedisOAuthDbOptions } from './options/published-class.js'
export type { ClusterOptions, SentinelOptions } from './redis/address/place-options.js'
export type { Address } from './redis/address/url.js'
export type { BorrowedClient } from './redis/borrowed-client.js'
export type { Credentials, CredentialsProvider } from './redis/driver/credentials.js'
export type { DurabilityOptions } from './redis/durability.js'
export type { Health, NodeHealth } from './redis/health.js'
export type { HealthWarning, HealthWarningCode } from './redis/health-warnings.js'
export type { ReadyOptions } from './redis/readiness.js'
export type { ResealOptions, ResealProgress } from './store/bulk/reseal.js'
export {
  StoreTokensError,
  type StoreTokensFailure,
  type StoreTokensOptions,
  type StoreTokensProgress,
  type TokenEntry,
} from './store/bulk/token-import.js'
export type { CoordinatedFetchOptions, DeleteAccessTokenOptions } from './store/coordination.js'
export type { AccessTokenInfo } from './store/oauth-store.js'
