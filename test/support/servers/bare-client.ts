import { Redis, type RedisOptions } from 'ioredis'
import { onTestFinished } from 'vitest'

/** A bare client that neither retries nor reconnects, so that each fault shows. It goes with the test. */
export function bareClient(options: RedisOptions): Redis {
  const redis = new Redis({
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    disconnectTimeout: 50,
    ...options,
  })
  redis.on('error', () => undefined)
  onTestFinished(() => redis.disconnect())
  return redis
}
