import type { Composition } from '../database/composition.js'
import type { RedisOAuthDatabase } from '../database/redis-oauth-database.js'
import { fingerprintOf } from '../record/fingerprint.js'
import type { FoundKey } from '../record/keys.js'
import { isSealedKind, type Kind } from '../record/kinds.js'
import { problemOf, type UnreadableRecord } from './unreadable.js'
import { type WalkOptions, type WalkStep, walk } from './walk.js'

/** What has the fingerprint of an error. */
export interface FoundRecord {
  /** `foreign`: nothing of this library. */
  readonly kind: Kind | 'foreign'
  /** Whose it is. Null if it is nobody's, or with `hashKeys` if it cannot be read. */
  readonly userId: string | null
  /** The token's key, URL or state. Null with `hashKeys` if the record cannot be read. */
  readonly name: string | null
  /** Why it cannot be read; null if it can. */
  readonly why: UnreadableRecord['why'] | null
  readonly redisKey: string
}

/**
 * Yields the record whose Redis key has this fingerprint. Walks the whole keyspace of Redis with `SCAN`, and reads the one record.
 * @throws RedisOAuthDatabaseError `ABORTED` by `options.signal`
 */
export function findRecord(
  db: RedisOAuthDatabase,
  fingerprint: string,
  options: WalkOptions,
): AsyncGenerator<FoundRecord, void, undefined> {
  return walk(db, 'findRecord', (parts) => stepsOf(parts, fingerprint), options)
}

async function* stepsOf(
  parts: Composition,
  fingerprint: string,
): AsyncGenerator<WalkStep<FoundRecord>, void, undefined> {
  for await (const redisKeys of parts.commands.scan(parts.keys.pattern, null)) {
    const matching = redisKeys.filter((redisKey) => fingerprintOf({ redisKey }) === fingerprint)
    const found = await Promise.all(matching.map((redisKey) => describe(parts, redisKey)))
    yield { seen: redisKeys.length, found }
  }
}

async function describe(parts: Composition, redisKey: string): Promise<FoundRecord> {
  const key = parts.keys.parse(redisKey)
  const problem = await problemOf(parts, redisKey, key)
  const why = problem?.why ?? null
  if (key === null) return { kind: 'foreign', userId: null, name: null, why, redisKey }
  const { userId, name } = problem === undefined ? await nameOf(parts, key) : key
  return {
    kind: problem?.kind ?? key.kind,
    userId: userId || null,
    name: name || null,
    why,
    redisKey,
  }
}

/** With `hashKeys` only the record itself says whose it is. */
async function nameOf(
  { keys, vault }: Composition,
  key: FoundKey,
): Promise<Pick<FoundKey, 'userId' | 'name'>> {
  if (!keys.isHashed || !isSealedKind(key.kind)) return key
  return (await vault.getNamed(key)) ?? key
}
