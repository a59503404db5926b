import { RedisOAuthDatabase } from '@atxp/redis'

const [, , url, user, resource] = process.argv
const db = new RedisOAuthDatabase({ url })
const token = await db.getAccessToken(user, resource)
if (token?.resourceUrl === resource) process.stdout.write(`${process.memoryUsage.rss()}\n`)
await db.close()
