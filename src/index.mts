export type * from './index.js'
export {
  RedisOAuthDatabase,
  RedisOAuthDatabaseError,
  StoreTokensError,
  withOAuthDatabase,
} from './index.js'
