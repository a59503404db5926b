export type * from './index.js'
export {
  CHANNELS,
  DeletionError,
  RedisOAuthDatabase,
  RedisOAuthDatabaseError,
  RedisOAuthDb,
  StoreTokensError,
  TRACING_CHANNELS,
  withOAuthDatabase,
} from './index.js'
