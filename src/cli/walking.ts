import type { WalkOptions } from '../admin/walk.js'
import type { RedisOAuthDatabase } from '../database/redis-oauth-database.js'
import type { Context } from './command.js'

/** Walks the keyspace, shows how far it is, and ends when the user interrupts. */
export async function walking<T>(
  db: RedisOAuthDatabase,
  { screen, signal }: Pick<Context, 'screen' | 'signal'>,
  work: (options: WalkOptions) => Promise<T>,
): Promise<T> {
  let total = 0
  // Not waited for: where Redis does not answer, the work itself says so.
  const counting = keysIn(db).then((keys) => {
    total = keys
  })
  const progress = screen.progress(() => total)
  try {
    const result = await work({ signal, onProgress: (seen) => progress.update(seen) })
    await counting
    return result
  } finally {
    progress.end()
  }
}

/** Only for the bar: where it cannot be had, none is missed. */
async function keysIn(db: RedisOAuthDatabase): Promise<number> {
  try {
    const { nodes } = await db.health()
    return nodes.reduce((sum, { keys }) => sum + keys, 0)
  } catch {
    return 0
  }
}
