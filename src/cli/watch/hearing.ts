import { operationsOf } from '../../database/operations-of.js'
import type { RedisOAuthDatabase } from '../../database/redis-oauth-database.js'
import { within } from '../../leaves/clock.js'
import { failureOf } from '../../redis/driver/failure.js'

/**
 * Hears what processes publish that share the Redis and the prefix of this database. Resolves with what ends it.
 * @throws RedisOAuthDatabaseError as `ready` does; `PERMISSION_DENIED` if the Redis user may not use the channel
 */
export async function hearCounts(
  db: RedisOAuthDatabase,
  listener: (line: string) => void,
): Promise<() => void> {
  await db.ready()
  const { connection, subscriber, keys } = operationsOf(db).parts
  try {
    return await within(
      connection.commandTimeout,
      subscriber.subscribe(keys.watchChannel, listener),
    )
  } catch (error) {
    throw failureOf(error, connection.server, { name: 'subscribe', effect: 'read', writes: 0 })
  }
}
