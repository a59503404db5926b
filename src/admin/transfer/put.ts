import type { Composition } from '../../database/composition.js'
import { systemClock, type UnixMs } from '../../leaves/clock.js'
import { isWellFormed } from '../../leaves/well-formed.js'
import { decodeRecord, decodeToken } from '../../record/codec.js'
import type { RecordKey, RecordName } from '../../record/keys.js'
import { type LastingKind, lifetimeAfterSave } from '../../record/kinds.js'
import type { Lifetime, RecordTtls } from '../../record/lifetime.js'
import type { Value } from '../../redis/commands.js'

/** Why a record was not imported. */
export type RefusalReason =
  /** It is no record, or not of a kind that this version knows. */
  | 'notARecord'
  /** No key of this database opens it, or it was altered. */
  | 'unreadable'
  /** Its time is over. */
  | 'expired'
  /** Its key can be read in two ways: which part is the user? */
  | 'ambiguous'

/** `kept`: there is a record of this name, which stands as it was. */
export type Outcome = 'added' | 'kept' | RefusalReason

export interface Incoming extends RecordName {
  readonly kind: LastingKind
  readonly text: string
  /** When Redis is to remove it; null: as after a save. */
  readonly expiresAt: UnixMs | null
  /** How it stood in another Redis. */
  readonly stood?: { readonly redisKey: string; readonly raw: Buffer }
}

/** Puts a record into a database, in the form and under the name that it has there. One round trip. */
export async function put(
  parts: Composition,
  record: Incoming,
  overwrites: boolean,
): Promise<Outcome> {
  let key: RecordKey
  let lifetime: Lifetime
  try {
    key = parts.keys.named(record.kind, record)
    lifetime = lifetimeOf(record, parts.ttls)
  } catch {
    return 'notARecord'
  }
  if (lifetime && 'expiresAt' in lifetime && lifetime.expiresAt <= systemClock.now())
    return 'expired'
  const value = await bytesFor(parts, key, record)
  if (!overwrites) return (await parts.writes.add(key, value, lifetime)) ? 'added' : 'kept'
  await parts.writes.set(key, value, lifetime)
  return 'added'
}

/** @throws for a text that is no record of this kind */
function lifetimeOf({ kind, text, expiresAt }: Incoming, ttls: RecordTtls): Lifetime {
  if (text === '' || !isWellFormed(text)) throw new TypeError('no text')
  const saved = savedLifetime(kind, text, ttls)
  return expiresAt === null ? saved : { expiresAt }
}

function savedLifetime(kind: LastingKind, text: string, ttls: RecordTtls): Lifetime {
  if (kind === 'token') return undefined
  const record = kind === 'access' ? decodeToken(text).token : decodeRecord(kind, text)
  return lifetimeAfterSave(kind, record, ttls, systemClock.now())
}

/** As it stood where it would stand no otherwise: what is sealed is bound to its key. */
function bytesFor(
  { sealer, vault }: Composition,
  key: RecordKey,
  { stood, text }: Incoming,
): Value | Promise<Value> {
  const stays = stood?.redisKey === key.redisKey && sealer?.needsReseal(stood.raw) === false
  return stays ? (stood as { raw: Buffer }).raw : vault.encode(key, text)
}
