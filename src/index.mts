export type * from './index.js'
export {
  CHANNELS,
  RedisOAuthDatabase,
  RedisOAuthDatabaseError,
  StoreTokensError,
  withOAuthDatabase,
} from './index.js'
