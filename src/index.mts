export type * from './index.js'
export {
  CHANNELS,
  DeletionError,
  RedisOAuthDatabase,
  RedisOAuthDatabaseError,
  StoreTokensError,
  withOAuthDatabase,
} from './index.js'
