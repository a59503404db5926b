import { operationsIn } from '../database/operations-of.js'
import { RedisOAuthDatabase } from '../database/redis-oauth-database.js'
import type { RedisOAuthDatabaseOptions } from '../options/options.js'
import { type Arguments, type OptionTable, UsageError } from './arguments.js'
import { defaultExportOf } from './modules.js'

export const PLACE: OptionTable = {
  url: {
    type: 'string',
    value: 'URL',
    help: 'where Redis is; others see it in the list of processes, so keep passwords in REDIS_URL',
  },
  config: {
    type: 'string',
    value: 'FILE',
    help: 'a module whose default export is options or a RedisOAuthDatabase, instead of variables',
  },
}

/**
 * The database that `--config` or `--url` and the environment name, as `RedisOAuthDatabase.fromEnv` does.
 * @throws UsageError
 */
export async function openDatabase(
  given: Arguments,
  env: Readonly<Record<string, string | undefined>>,
): Promise<RedisOAuthDatabase> {
  const [url, config] = [given.text('url'), given.text('config')]
  if (url !== undefined && config !== undefined) {
    throw new UsageError('--url and --config both say where Redis is: leave one of them out')
  }
  try {
    if (config !== undefined) return databaseOf(await defaultExportOf('--config', config))
    return RedisOAuthDatabase.fromEnv(url === undefined ? {} : { url }, env)
  } catch (error) {
    // Of options; none of these quotes a value.
    if (error instanceof TypeError) {
      throw new UsageError(url ? error.message.replace('options.url', '--url') : error.message)
    }
    throw error
  }
}

function databaseOf(exported: unknown): RedisOAuthDatabase {
  if (operationsIn(Object(exported)) !== undefined) return exported as RedisOAuthDatabase
  if (typeof exported !== 'object' || exported === null) {
    throw new UsageError(
      '--config must name a module whose default export is options or a database',
    )
  }
  if (exported.constructor?.name === 'RedisOAuthDatabase') {
    throw new UsageError(
      'the database of --config is of another copy of @atxp/redis: run the atxp-redis beside it, or export options',
    )
  }
  return new RedisOAuthDatabase(exported as RedisOAuthDatabaseOptions)
}
