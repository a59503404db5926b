export type * from './index.js'
export {
  CHANNELS,
  DeletionError,
  RedisOAuthDatabase,
  RedisOAuthDatabaseError,
  RedisOAuthDb,
  StoreTokensError,
  withOAuthDatabase,
} from './index.js'
