const { RedisOAuthDatabase } = require('@atxp/redis')

void import('./session.mjs').then(({ runSession }) =>
  runSession(RedisOAuthDatabase, process.env.REDIS_URL),
)
