import { problemWithoutKeys, type Unopened } from '../crypto/record-sealer.js'
import type { Composition } from '../database/composition.js'
import type { RedisOAuthDatabase } from '../database/redis-oauth-database.js'
import { codeIn, isUnreadable } from '../leaves/errors.js'
import { decodeRecord, decodeToken } from '../record/codec.js'
import { fingerprintOf } from '../record/fingerprint.js'
import type { FoundKey, RecordName } from '../record/keys.js'
import { isSealedKind, type JsonKind, KINDS, type Kind, type SealedKind } from '../record/kinds.js'
import { isPublished, mayBePublished } from '../record/published.js'
import { sealContextOf } from '../store/vault/sealed-vault.js'
import { type WalkOptions, type WalkStep, walk } from './walk.js'

export type { SealedKind } from '../record/kinds.js'

export interface UnreadableRecord {
  /** What it is by its key; `index` is the index of a user, `foreign` nothing of this library. */
  readonly kind: SealedKind | 'index' | 'foreign'
  /** The first 12 hex digits of the SHA-256 of its Redis key, as in the errors of those who tried to read it. */
  readonly fingerprint: string
  readonly why: /** Encrypted with a key that is not in `encryption.keys`; see `keyId`. */
    | 'unknownKey'
    /** Encrypted with a key of a known id, and altered, moved here from another place, or encrypted with another key of the same id. */
    | 'notOpened'
    /** Not encrypted, while `acceptPlaintext` is off. */
    | 'plain'
    /** Not UTF-8, or not what a record of this kind holds; also one that a newer version of this library wrote. */
    | 'corrupt'
    /** A Redis type that this library does not write under such a key. */
    | 'wrongType'
    /** Of `RedisOAuthDb` up to 0.11, or of another program, or of a kind that a newer version of this library writes. */
    | 'foreign'
  /** With `unknownKey`: the id of the key that is missing. */
  readonly keyId?: string
  /** With `foreign`: the Redis key, as everyone who uses this Redis can see it. */
  readonly redisKey?: string
}

/**
 * Yields every record that this database cannot read, and why; also what other programs keep under its prefix. Errors do not say why, since that would help whoever tries out
 * forgeries. Walks the whole keyspace of Redis with `SCAN`, as {@link users} does, and reads every record.
 * @throws RedisOAuthDatabaseError `ABORTED` by `options.signal`; `SEALING_FAILED` if `encryption.open` of yours fails
 * @example
 * ```ts
 * import { findUnreadable } from '@atxp/redis/admin'
 *
 * for await (const { kind, fingerprint, why, keyId } of findUnreadable(db)) {
 *   console.log(kind, fingerprint, why, keyId)
 * }
 * ```
 */
export function findUnreadable(
  db: RedisOAuthDatabase,
  options: WalkOptions = {},
): AsyncGenerator<UnreadableRecord, void, undefined> {
  return walk(db, 'findUnreadable', stepsOf, options)
}

async function* stepsOf(
  parts: Composition,
): AsyncGenerator<WalkStep<UnreadableRecord>, void, undefined> {
  const { commands, keys } = parts
  for await (const redisKeys of commands.scan(keys.pattern, null)) {
    const found = await Promise.all(
      redisKeys.map((redisKey) => problemOf(parts, redisKey, keys.parse(redisKey))),
    )
    yield { seen: redisKeys.length, found: found.filter((one) => one !== undefined) }
  }
}

/**
 * Why a record cannot be read; undefined if it can, or if nobody reads it.
 * @param onRead - gets a record that can be read
 */
export async function problemOf(
  parts: Composition,
  redisKey: string,
  key: FoundKey | null,
  onRead?: (record: RecordName) => void,
): Promise<UnreadableRecord | undefined> {
  if (key === null || (await isOfPublishedClass(parts, key))) return foreign(redisKey)
  const { kind } = key
  // What serves coordination only is read by nobody who could not do without.
  if (!isSealedKind(kind) && kind !== 'index') return undefined
  const fingerprint = fingerprintOf(key)
  try {
    const problem =
      kind === 'index' ? await parts.indexed.probe(key) : await read(parts, key, onRead)
    return problem ? { kind, fingerprint, ...problem } : undefined
  } catch (error) {
    if (codeIn(error) !== 'WRONG_TYPE') throw error
    return { kind, fingerprint, why: 'wrongType' }
  }
}

function foreign(redisKey: string): UnreadableRecord {
  const fingerprint = fingerprintOf({ redisKey })
  return { kind: 'foreign', fingerprint, why: 'foreign', redisKey }
}

async function isOfPublishedClass(
  { commands, keys }: Composition,
  key: FoundKey,
): Promise<boolean> {
  if (!mayBePublished(keys, key)) return false
  try {
    return isPublished(keys, key, (await commands.getBuffer(key.redisKey)) ?? '')
  } catch (error) {
    if (isUnreadable(error)) return false
    throw error
  }
}

/** Only what fails to be read is read again, for its bytes. */
async function read(
  { commands, vault, sealer }: Composition,
  key: FoundKey,
  onRead?: (record: RecordName) => void,
): Promise<Unopened | undefined> {
  try {
    const record = await vault.getNamed(key)
    if (record === null) return undefined
    decode(key.kind, record.text)
    onRead?.(record)
    return undefined
  } catch (error) {
    if (codeIn(error) !== 'UNREADABLE_RECORD') throw error
  }
  const raw = await commands.getBuffer(key.redisKey)
  if (raw === null) return undefined
  const problem =
    sealer === undefined ? problemWithoutKeys(raw) : await sealer.problemOf(raw, sealContextOf(key))
  return problem ?? { why: 'corrupt' }
}

function decode(kind: Kind, text: string): void {
  if (kind === 'access') decodeToken(text)
  else if ('requires' in KINDS[kind]) decodeRecord(kind as JsonKind, text)
}
