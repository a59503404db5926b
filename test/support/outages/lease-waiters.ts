import { expect } from 'vitest'
import { eventually } from '../eventually.js'
import type { RedisServer } from '../servers/redis-server.js'

const WELL_WITHIN_MS = 30_000

/** Resolves when so many processes wait for the one lease that is held. */
export async function leaseWaiters(redis: RedisServer, count: number): Promise<void> {
  await eventually(
    async () => {
      const [channel = ''] = await redis.cli<string[]>('PUBSUB', 'CHANNELS', '*lease:*')
      const [, waiters] = await redis.cli<string[]>('PUBSUB', 'NUMSUB', channel)
      expect(Number(waiters)).toBe(count)
    },
    { withinMs: WELL_WITHIN_MS },
  )
}
