import type { Composition } from '../../database/composition.js'
import { inCalls } from '../../database/in-calls.js'
import { operationsOf } from '../../database/operations-of.js'
import { RedisOAuthDatabase } from '../../database/redis-oauth-database.js'
import type { UnixMs } from '../../leaves/clock.js'
import { DEFAULTS } from '../../leaves/defaults.js'
import { RedisOAuthDatabaseError } from '../../leaves/errors.js'
import type { PublishedLayout, PublishedRow } from '../../record/published.js'
import type { ImportPublishedOptions } from './import-published.js'
import { entriesInRedis } from './redis-source.js'
import { entriesInSqlite, openSqlite } from './sqlite-source.js'

export interface PublishedEntry {
  readonly key: string
  /** User or URL, then what follows; undefined where its key can be read in two ways. */
  readonly names: readonly [first: string, second: string] | undefined
  /** Undefined where it is no record of the layout. */
  readonly row: PublishedRow | undefined
  /** When Redis removes it; null: never, or nobody knows. */
  readonly expiresAt: UnixMs | null
}

export interface PublishedSource {
  entries(layout: PublishedLayout): AsyncGenerator<PublishedEntry[], void, undefined>
  close(): Promise<void> | void
}

export async function openSource(
  parts: Composition,
  { url, client, sqlite, keyPrefix = DEFAULTS.published.keyPrefix }: ImportPublishedOptions,
): Promise<PublishedSource> {
  if (sqlite !== undefined) {
    const file = await openSqlite(sqlite).catch((cause: unknown) => {
      throw cause instanceof TypeError ? cause : sourceFailed(cause)
    })
    return { entries: (layout) => named(entriesInSqlite(file, layout)), close: () => file.close() }
  }
  if (url === undefined && client === undefined) {
    return { entries: (layout) => entriesInRedis(parts, keyPrefix, layout), close: () => {} }
  }
  const other = new RedisOAuthDatabase({ url, client })
  const operations = operationsOf(other)
  return {
    // In calls of its own, so that errors name its server.
    entries: (layout) =>
      inCalls(operations, 'importPublished', entriesInRedis(operations.parts, keyPrefix, layout)),
    close: () => other.close(),
  }
}

/** Some drivers find out at the first query that a file is no database. */
async function* named(
  entries: AsyncGenerator<PublishedEntry[], void, undefined>,
): AsyncGenerator<PublishedEntry[], void, undefined> {
  try {
    yield* entries
  } catch (cause) {
    throw sourceFailed(cause)
  }
}

function sourceFailed(cause: unknown): RedisOAuthDatabaseError {
  return new RedisOAuthDatabaseError(
    'SOURCE_FAILED',
    'the file of options.sqlite cannot be read. See cause',
    { cause },
  )
}
