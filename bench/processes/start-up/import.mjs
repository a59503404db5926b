import { RedisOAuthDatabase } from '@atxp/redis'

if (RedisOAuthDatabase !== undefined) process.stdout.write(`${process.memoryUsage.rss()}\n`)
