const { RedisOAuthDatabase } = require('@atxp/redis')

try {
  new RedisOAuthDatabase({ port: '6379' })
} catch (error) {
  console.log(JSON.stringify(error.stack))
}
