import { operationsOf } from '../../database/operations-of.js'
import type { RedisOAuthDatabase } from '../../database/redis-oauth-database.js'
import { type ChecksOf, callback, flag, integer, members } from '../../options/checks.js'
import { checkIterable } from '../../store/token-store.js'
import { WALK_CHECKS } from '../walk.js'
import { formOfSecrets } from './format.js'
import type { ImportResult } from './intake.js'
import type { RefusalReason } from './put.js'
import { RecordImport } from './record-import.js'

export interface ImportProgress extends ImportResult {
  /** All lines up to this one, counted from 1, are settled: where `resume` goes on. */
  readonly line: number
}

/** A line that was left out. What it holds is not repeated. */
export interface RefusedLine {
  /** Counted from 1, the header. */
  readonly line: number
  readonly why: Exclude<RefusalReason, 'ambiguous'>
}

export interface ImportOptions {
  /**
   * Needs to be `'plain'` for an export with plain secrets: whoever could write to that made records of their own.
   * @defaultValue `'sealed'`
   * @example
   * ```ts
   * import { exportRecords, importRecords } from '@atxp/redis/admin'
   *
   * const other = RedisOAuthDatabase.fromEnv({ keyPrefix: 'other:' })
   * await importRecords(other, exportRecords(db, { secrets: 'plain' }), { secrets: 'plain' })
   * await other.close()
   * ```
   */
  readonly secrets?: 'sealed' | 'plain' | undefined
  /**
   * Whether records that are there are replaced. They hold no time of writing, so an older one may replace a newer one,
   * and a spent refresh token the good one.
   * @defaultValue `false`
   * @example
   * ```ts
   * import { exportRecords, importRecords } from '@atxp/redis/admin'
   *
   * const other = RedisOAuthDatabase.fromEnv({ keyPrefix: 'other:' })
   * await importRecords(other, exportRecords(db, { secrets: 'plain' }), { secrets: 'plain', overwrite: true })
   * await other.close()
   * ```
   */
  readonly overwrite?: boolean | undefined
  /**
   * Passes over the lines up to this one, `line` of an earlier progress with the same source.
   * @defaultValue `0`
   */
  readonly resume?: number | undefined
  /**
   * Called about every 1000 lines, and at the end, also where that is a failure.
   * @example
   * ```ts
   * import { exportRecords, importRecords } from '@atxp/redis/admin'
   *
   * const other = RedisOAuthDatabase.fromEnv({ keyPrefix: 'other:' })
   * const onProgress = ({ line }: { line: number }) => console.info(line)
   * await importRecords(other, exportRecords(db, { secrets: 'plain' }), { secrets: 'plain', onProgress })
   * await other.close()
   * ```
   */
  readonly onProgress?: ((progress: ImportProgress) => void) | undefined
  /**
   * Called for each line that is left out. What it throws ends the import.
   * @example
   * ```ts
   * import { exportRecords, importRecords } from '@atxp/redis/admin'
   *
   * const other = RedisOAuthDatabase.fromEnv({ keyPrefix: 'other:' })
   * const onRefused = ({ line, why }: { line: number; why: string }) => console.error(line, why)
   * await importRecords(other, exportRecords(db, { secrets: 'plain' }), { secrets: 'plain', onRefused })
   * await other.close()
   * ```
   */
  readonly onRefused?: ((refused: RefusedLine) => void) | undefined
  /**
   * Ends the import: what was sent is waited for, nothing more is taken.
   * @example
   * ```ts
   * import { exportRecords, importRecords } from '@atxp/redis/admin'
   *
   * const other = RedisOAuthDatabase.fromEnv({ keyPrefix: 'other:' })
   * const signal = AbortSignal.timeout(600_000)
   * await importRecords(other, exportRecords(db, { secrets: 'plain' }), { secrets: 'plain', signal })
   * await other.close()
   * ```
   */
  readonly signal?: AbortSignal | undefined
}

const importOptions = members('an object', {
  ...WALK_CHECKS,
  secrets: formOfSecrets,
  overwrite: flag,
  resume: integer(0, Number.MAX_SAFE_INTEGER),
  onRefused: callback,
} satisfies ChecksOf<ImportOptions>)

/**
 * Imports what {@link exportRecords} gave: into another server, topology or prefix, with another encryption key, with or without
 * `hashKeys`. Names, encryption and indexes are those of `db`; expiries stay, to the millisecond. Records that are there stand, so
 * running it again does no harm. To decrypt what is encrypted, `db` needs the key of the source in `encryption.keys`.
 *
 * One round trip a record, a thousand under way at a time.
 * @param source - a stream of the file, or what `exportRecords` yields
 * @throws RedisOAuthDatabaseError `INVALID_ENTRY` if it does not begin as an export of this version; `UNREADABLE_RECORD` if no key of
 * `db` opens its header; `SOURCE_FAILED` if the source threw, or ended before the last line of the export, with all before it
 * imported; `ABORTED` by `options.signal`
 * @example
 * ```ts
 * import { exportRecords, importRecords } from '@atxp/redis/admin'
 *
 * await db.storeToken('user_123', 'token_value')
 * const other = RedisOAuthDatabase.fromEnv({ keyPrefix: 'other:' })
 * const plain = { secrets: 'plain' } as const
 * console.log(await importRecords(other, exportRecords(db, plain), plain)) // { added: 1, kept: 0, refused: 0 }
 * await other.close()
 * ```
 */
export function importRecords(
  db: RedisOAuthDatabase,
  source: Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>,
  options: ImportOptions = {},
): Promise<ImportResult> {
  const operations = operationsOf(db)
  return operations.runSteps('importRecords', (parts) => {
    checkIterable('source', source)
    importOptions(options, 'options')
    return new RecordImport(parts, options, operations.givenUp).run(source)
  })
}
