import { isSealed, type RecordSealer } from '../../crypto/record-sealer.js'
import type { Composition } from '../../database/composition.js'
import { inCalls } from '../../database/in-calls.js'
import { operationsOf } from '../../database/operations-of.js'
import type { RedisOAuthDatabase } from '../../database/redis-oauth-database.js'
import type { RedisOAuthDb } from '../../database/redis-oauth-db.js'
import { DEFAULTS } from '../../leaves/defaults.js'
import { isUnreadable } from '../../leaves/errors.js'
import { type ChecksOf, members } from '../../options/checks.js'
import type { FoundKey } from '../../record/keys.js'
import { isLastingKind, type LastingKind } from '../../record/kinds.js'
import { isPublished } from '../../record/published.js'
import { sealContextOf } from '../../store/vault/sealed-vault.js'
import { WALK_CHECKS } from '../walk.js'
import {
  endLine,
  formOfSecrets,
  headerLine,
  plainLine,
  SETTINGS_CONTEXT,
  sealedLine,
} from './format.js'

export interface ExportProgress {
  /** Keys looked at so far. */
  readonly seen: number
  /** Records given so far; one may be given twice while Redis resizes its table. */
  readonly exported: number
  /** Records left out since they cannot be read; {@link findUnreadable} names them. Sealed exports leave out no encrypted record. */
  readonly unreadable: number
  /** Keys under the prefix that hold nothing of this library; {@link findUnreadable} names them. */
  readonly foreign: number
}

export interface ExportOptions {
  /**
   * `'sealed'`: records leave as they are encrypted in Redis, and whoever imports them needs the same key in `encryption.keys`. Records
   * from before encryption are encrypted for the export. `'plain'`: tokens and client secrets stand in the export for everyone to read.
   * @defaultValue `'sealed'`
   * @example
   * ```ts
   * import { exportRecords } from '@atxp/redis/admin'
   *
   * for await (const lines of exportRecords(db, { secrets: 'plain' })) console.info(lines)
   * ```
   */
  readonly secrets?: 'sealed' | 'plain' | undefined
  /**
   * Called after every step, about 1000 keys of Redis, and at the end. What it throws ends the export.
   * @example
   * ```ts
   * import { exportRecords } from '@atxp/redis/admin'
   *
   * const onProgress = ({ exported }: { exported: number }) => console.info(exported)
   * for await (const lines of exportRecords(db, { secrets: 'plain', onProgress })) console.info(lines)
   * ```
   */
  readonly onProgress?: ((progress: ExportProgress) => void) | undefined
  /**
   * Ends the export between two steps.
   * @example
   * ```ts
   * import { exportRecords } from '@atxp/redis/admin'
   *
   * const signal = AbortSignal.timeout(600_000)
   * for await (const lines of exportRecords(db, { secrets: 'plain', signal })) console.info(lines)
   * ```
   */
  readonly signal?: AbortSignal | undefined
}

const exportOptions = members('an object', {
  ...WALK_CHECKS,
  secrets: formOfSecrets,
} satisfies ChecksOf<ExportOptions>)

/**
 * Yields every record as NDJSON, in pieces of whole lines, for a file or {@link importRecords}: tokens, access tokens, client
 * registrations of both roles, and PKCE values, each with its expiry as an absolute time. Leases and the like stay: they serve
 * processes that run.
 *
 * Walks the whole keyspace of Redis as {@link users} does, with a round trip for each 200 records. Holds one step of keys and 400
 * records in memory.
 * @throws TypeError unless `secrets` is `'plain'`, for a database that does not encrypt what it writes
 * @throws RedisOAuthDatabaseError `ABORTED` by `options.signal`
 * @example
 * ```ts
 * import { createWriteStream } from 'node:fs'
 * import { tmpdir } from 'node:os'
 * import { join } from 'node:path'
 * import { pipeline } from 'node:stream/promises'
 * import { exportRecords } from '@atxp/redis/admin'
 *
 * const file = createWriteStream(join(tmpdir(), 'records.ndjson'), { mode: 0o600 })
 * await pipeline(exportRecords(db, { secrets: 'plain' }), file)
 * ```
 */
export function exportRecords(
  db: RedisOAuthDatabase | RedisOAuthDb,
  options: ExportOptions = {},
): AsyncGenerator<string, void, undefined> {
  exportOptions(options, 'options')
  const { secrets = DEFAULTS.export.secrets } = options
  const operations = operationsOf(db)
  const { parts } = operations
  if (secrets === 'sealed' && parts.sealer?.writesSealed !== true) {
    throw new TypeError(
      "This database writes its records unencrypted. To have their secrets in the export, say { secrets: 'plain' }",
    )
  }
  return run(new RecordExport(parts, secrets === 'sealed'), operationsOf(db), options)
}

async function* run(
  records: RecordExport,
  operations: ReturnType<typeof operationsOf>,
  { onProgress, signal }: ExportOptions,
): AsyncGenerator<string, void, undefined> {
  const seen = (): number => records.progress.seen
  for await (const lines of inCalls(operations, 'exportRecords', records.steps(), {
    signal,
    seen,
  })) {
    if (lines !== '') yield lines
    operations.checkOpen('exportRecords')
    onProgress?.({ ...records.progress })
  }
}

/** Enough to fill the wire, and a quarter of a megabyte of usual records. */
const AT_ONCE = 200

class RecordExport {
  readonly progress = { seen: 0, exported: 0, unreadable: 0, foreign: 0 }
  readonly #parts: Composition
  readonly #staysSealed: boolean

  constructor(parts: Composition, staysSealed: boolean) {
    this.#parts = parts
    this.#staysSealed = staysSealed
  }

  async *steps(): AsyncGenerator<string, void, undefined> {
    yield await this.#header()
    const { commands, keys } = this.#parts
    let last: Promise<string> | undefined
    for await (const redisKeys of commands.scan(keys.pattern)) {
      this.progress.seen += redisKeys.length
      // So that a walk through nothing but keys of others can be seen, and ended.
      if (redisKeys.length === 0) yield ''
      for (let from = 0; from < redisKeys.length; from += AT_ONCE) {
        // Read while the caller writes those before.
        const next = this.#linesOf(redisKeys.slice(from, from + AT_ONCE))
        next.catch(() => {})
        if (last !== undefined) yield await last
        last = next
      }
    }
    if (last !== undefined) yield await last
    yield endLine(this.progress.exported)
  }

  async #header(): Promise<string> {
    if (!this.#staysSealed) return headerLine(undefined)
    const { keys, sealer } = this.#parts
    const settings = { keyPrefix: keys.prefix, hashKeys: keys.isHashed }
    return headerLine(
      await (sealer as RecordSealer).seal(JSON.stringify(settings), SETTINGS_CONTEXT),
    )
  }

  async #linesOf(redisKeys: readonly string[]): Promise<string> {
    const { keys, commands } = this.#parts
    const found = redisKeys.map((redisKey) => keys.parse(redisKey))
    const lasting = found.filter((key): key is FoundKey => key !== null && isLastingKind(key.kind))
    const names = lasting.map(({ redisKey }) => redisKey)
    const [values, expiries] = await Promise.all([
      commands.getAllBuffers(names),
      Promise.all(names.map((name) => commands.expiry(name))),
    ])
    const lines = await Promise.all(
      lasting.map((key, at) => this.#lineOf(key, values[at] ?? null, expiries[at])),
    )
    this.progress.foreign += found.filter((key) => key === null).length
    return lines.join('')
  }

  /** Empty for what is left out. */
  async #lineOf(
    key: FoundKey,
    raw: Buffer | null,
    expiresAt: number | null | undefined,
  ): Promise<string> {
    // It is gone by now.
    if (raw === null || expiresAt === undefined) return ''
    if (isPublished(this.#parts.keys, key, raw)) {
      this.progress.foreign += 1
      return ''
    }
    try {
      const line = await (this.#staysSealed
        ? this.#sealedLineOf(key, raw, expiresAt)
        : this.#plainLineOf(key, raw, expiresAt))
      this.progress.exported += 1
      return line
    } catch (error) {
      if (!isUnreadable(error)) throw error
      this.progress.unreadable += 1
      return ''
    }
  }

  async #sealedLineOf(key: FoundKey, raw: Buffer, expiresAt: number | null): Promise<string> {
    if (isSealed(raw)) return sealedLine(key.redisKey, expiresAt, raw)
    const sealer = this.#parts.sealer as RecordSealer
    const context = sealContextOf(key)
    const text = await sealer.open(raw, context)
    return sealedLine(key.redisKey, expiresAt, await sealer.seal(text, context))
  }

  async #plainLineOf(key: FoundKey, raw: Buffer, expiresAt: number | null): Promise<string> {
    const { userId, name, text } = await this.#parts.vault.named(key, raw)
    return plainLine({ kind: key.kind as LastingKind, userId, name, expiresAt, text })
  }
}
