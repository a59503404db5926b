// As the published package begins: the SDK's code for its logger, and ioredis once it is needed.
import { ConsoleLogger } from '@atxp/common'

const [, , url, key] = process.argv
const logger = new ConsoleLogger({ prefix: '[redis-oauth-db]', level: 3 })
const { Redis } = await import('ioredis')
const redis = new Redis(url)
const text = await redis.get(key)
if (text !== null && JSON.parse(text).resourceUrl !== undefined && logger !== undefined) {
  process.stdout.write(`${process.memoryUsage.rss()}\n`)
}
await redis.quit()
