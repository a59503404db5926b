import { RedisOAuthDatabase } from '@atxp/redis'
import { runSession } from './session.mjs'

await runSession(RedisOAuthDatabase, process.env.REDIS_URL)
