import type { FoundKey, RecordKey } from '../record/keys.js'
import type { Expiry, Value } from '../redis/commands.js'

/** A record as it stands in Redis. */
export interface Standing {
  /** The very bytes, for writes that hold only while they stand there. */
  readonly raw: Buffer
  readonly text: string
}

export interface NamedText {
  /** The last part of the record's name. */
  readonly name: string
  readonly text: string
}

/**
 * Reads and writes the text of records, in the form in which Redis holds them: {@link PlainVault} or {@link SealedVault}.
 * Reading fails with `UNREADABLE_RECORD` for what is not in that form.
 *
 * Where the form is made synchronously, each method sends its command before it returns, so that commands keep the order of
 * the calls.
 */
export interface Vault {
  get(key: FoundKey): Promise<string | null>
  /** As `get`, of many keys, in their order. */
  getAll(keys: readonly FoundKey[]): Promise<(string | null)[]>
  /** As `getAll`, each with its name. */
  getAllNamed(keys: readonly FoundKey[]): Promise<(NamedText | null)[]>
  /** The names of keys that were found. Reads the records only where the keys do not say. */
  namesOf(keys: readonly FoundKey[]): Promise<string[]>
  /** As `get`, with the bytes. */
  read(key: FoundKey): Promise<Standing | null>
  /** Reads a record once. See `Commands.consume` for `consumedKey`. */
  consume(key: RecordKey, consumedKey: RecordKey): Promise<string | null>
  set(key: RecordKey, text: string, expiry?: Expiry): Promise<void>
  /** The text in the form in which Redis holds it. */
  encode(key: RecordKey, text: string): Value | Promise<Value>
}
