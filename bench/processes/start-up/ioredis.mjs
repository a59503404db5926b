import { Redis } from 'ioredis'

const [, , url, key] = process.argv
const redis = new Redis(url)
const text = await redis.get(key)
if (text !== null) process.stdout.write(`${process.memoryUsage.rss()}\n`)
redis.disconnect()
