const { RedisOAuthDatabase } = require('@atxp/redis')

new RedisOAuthDatabase({ url: process.env.REDIS_URL })
console.log(JSON.stringify({ end: 'of script' }))
