import { operationsOf } from '../../database/operations-of.js'
import type { RedisOAuthDatabase } from '../../database/redis-oauth-database.js'
import {
  type ChecksOf,
  callback,
  flag,
  isObject,
  members,
  secretText,
  text,
  value,
} from '../../options/checks.js'
import type { Decrypt } from '../../record/published.js'
import type { BorrowedClient } from '../../redis/borrowed-client.js'
import type { ImportResult } from '../transfer/intake.js'
import type { RefusalReason } from '../transfer/put.js'
import { WALK_CHECKS } from '../walk.js'
import { PublishedImport } from './published-import.js'
import { openSource } from './source.js'

export interface ImportPublishedProgress extends ImportResult {
  /** Records of the published class looked at so far. */
  readonly seen: number
}

/** A record that was left out. It stands where it was. */
export interface RefusedPublished {
  /** Its Redis key; its table and key there, if it is in a file of SQLite. */
  readonly key: string
  readonly why: RefusalReason
}

export interface ImportPublishedOptions {
  /** Redis connection URL of the records. Without it, and without `client` and `sqlite`, they are in the Redis of the database. */
  readonly url?: string | undefined
  /**
   * A client of ioredis to read them with, instead of `url`. It stays open.
   * @example
   * ```ts
   * import { Redis } from 'ioredis'
   * import { importPublished } from '@atxp/redis/admin'
   *
   * const client = new Redis(process.env.REDIS_URL ?? '')
   * await importPublished(db, { client })
   * await client.quit()
   * ```
   */
  readonly client?: BorrowedClient | undefined
  /**
   * The `keyPrefix` of the published class.
   * @defaultValue `'oauth:'`
   */
  readonly keyPrefix?: string | undefined
  /** A file of `@atxp/sqlite`, instead of Redis. Needs Node 22.13 or later, or the package `better-sqlite3`. */
  readonly sqlite?: string | undefined
  /**
   * Opens what `encrypt` of the published class made. Left out: the members are plain.
   * @example
   * ```ts
   * import { importPublished } from '@atxp/redis/admin'
   *
   * const decrypt = (text: string) => Buffer.from(text, 'base64').toString()
   * await importPublished(db, { decrypt })
   * ```
   */
  readonly decrypt?: Decrypt | undefined
  /**
   * Whether records that are there are replaced; see {@link ImportOptions}.
   * @defaultValue `false`
   * @example
   * ```ts
   * import { importPublished } from '@atxp/redis/admin'
   *
   * await importPublished(db, { overwrite: true })
   * ```
   */
  readonly overwrite?: boolean | undefined
  /**
   * Called about every 1000 records, and at the end.
   * @example
   * ```ts
   * import { importPublished } from '@atxp/redis/admin'
   *
   * await importPublished(db, { onProgress: ({ seen }) => console.info(seen) })
   * ```
   */
  readonly onProgress?: ((progress: ImportPublishedProgress) => void) | undefined
  /**
   * Called for each record that is left out. What it throws ends the import.
   * @example
   * ```ts
   * import { importPublished } from '@atxp/redis/admin'
   *
   * await importPublished(db, { onRefused: ({ key, why }) => console.error(key, why) })
   * ```
   */
  readonly onRefused?: ((refused: RefusedPublished) => void) | undefined
  /**
   * Ends the import: what was sent is waited for.
   * @example
   * ```ts
   * import { importPublished } from '@atxp/redis/admin'
   *
   * await importPublished(db, { signal: AbortSignal.timeout(600_000) })
   * ```
   */
  readonly signal?: AbortSignal | undefined
}

const publishedOptions = members('an object', {
  ...WALK_CHECKS,
  url: secretText('a Redis URL'),
  client: value('a client of ioredis', isObject),
  keyPrefix: text('a string'),
  sqlite: text('the path of a file'),
  decrypt: callback,
  overwrite: flag,
  onRefused: callback,
} satisfies ChecksOf<ImportPublishedOptions>)

/**
 * Imports the records of `RedisOAuthDb` up to 0.11, or of `@atxp/sqlite`: registrations first, each for both roles, access tokens, PKCE
 * values. Reads them only. An access token with a refresh token lives as after a save, since the published class ended both at once.
 * Records that are there stand, so running it again does no harm. Processes of the published class must be stopped first:
 * https://github.com/atxp-dev/redis/blob/main/docs/from-redis-oauth-db.md.
 *
 * Walks the keyspace three times as {@link users} does, with one round trip for each record, a thousand under way at a time.
 * @returns records of `db`: a registration counts twice, once for each role
 * @throws RedisOAuthDatabaseError `SOURCE_FAILED` if the file of SQLite cannot be read; `ABORTED` by `options.signal`
 * @example
 * ```ts
 * import { importPublished } from '@atxp/redis/admin'
 *
 * console.log(await importPublished(db)) // { added: 0, kept: 0, refused: 0 }
 * ```
 */
export function importPublished(
  db: RedisOAuthDatabase,
  options: ImportPublishedOptions = {},
): Promise<ImportResult> {
  const operations = operationsOf(db)
  return operations.runSteps('importPublished', async (parts) => {
    checkOptions(options)
    const source = await openSource(parts, options)
    try {
      return await new PublishedImport(parts, options, operations.givenUp).run(source)
    } finally {
      await source.close()
    }
  })
}

/** @throws TypeError that names the option and what it takes */
function checkOptions(options: ImportPublishedOptions): void {
  publishedOptions(options, 'options')
  const places = (['url', 'client', 'sqlite'] as const).filter(
    (name) => options[name] !== undefined,
  )
  if (places.length > 1) {
    throw new TypeError(`options.${places[0]} and options.${places[1]} are two places: give one`)
  }
}
