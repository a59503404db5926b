export type * from './index.js'
export { RedisOAuthDatabase, RedisOAuthDatabaseError, StoreTokensError } from './index.js'
