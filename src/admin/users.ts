import type { Composition } from '../database/composition.js'
import type { RedisOAuthDatabase } from '../database/redis-oauth-database.js'
import { isUnreadable } from '../leaves/errors.js'
import type { FoundKey } from '../record/keys.js'
import { type WalkOptions, type WalkStep, walk } from './walk.js'

/**
 * Yields the users who hold a session: an access token record, which may have expired but can be refreshed. A user who holds one
 * all the time comes at least once, and may come twice while Redis resizes its table. With `hashKeys` a user of whom no record can
 * be read has no name, and is left out; {@link findUnreadable} has the records.
 *
 * Walks the whole keyspace of Redis with `SCAN`: one round trip per 1000 keys of any kind and prefix, and two more for those steps
 * that find users. Holds one step in memory.
 * @throws RedisOAuthDatabaseError `ABORTED` by `options.signal`
 * @example
 * ```ts
 * import { users } from '@atxp/redis/admin'
 *
 * for await (const userId of users(db)) console.log(userId)
 * ```
 */
export function users(
  db: RedisOAuthDatabase,
  options: WalkOptions = {},
): AsyncGenerator<string, void, undefined> {
  return walk(db, 'users', stepsOf, options)
}

async function* stepsOf(parts: Composition): AsyncGenerator<WalkStep<string>, void, undefined> {
  const { commands, keys } = parts
  for await (const redisKeys of commands.scan(keys.patternOf('index'), 'hash')) {
    const indexes = redisKeys.map((redisKey) => keys.parse(redisKey)).filter((key) => key !== null)
    const names = await Promise.all(indexes.map((index) => userOf(parts, index)))
    yield { seen: redisKeys.length, found: names.filter((name) => name !== undefined) }
  }
}

/** Undefined if the user has no session, or no name that can be read. */
async function userOf(
  { indexed, commands, vault }: Composition,
  index: FoundKey,
): Promise<string | undefined> {
  for (const { key } of await indexed.in(index)) {
    if (key.kind !== 'access') continue
    if (index.userId !== undefined) {
      if (await commands.exists(key.redisKey)) return index.userId
      continue
    }
    try {
      const record = await vault.getNamed(key)
      if (record !== null) return record.userId
    } catch (error) {
      if (!isUnreadable(error)) throw error
    }
  }
  return undefined
}
