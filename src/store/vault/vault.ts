import type { FoundKey, RecordKey, RecordName } from '../../record/keys.js'
import type { Expiry, Value } from '../../redis/commands.js'

/** A record as it stands in Redis. */
export interface Standing {
  /** The exact bytes, for conditional writes. */
  readonly raw: Buffer
  readonly text: string
}

export interface NamedText extends RecordName {
  readonly text: string
}

/**
 * Reads and writes the text of records in the form in which Redis holds them: plain or sealed. Reading anything else fails with
 * `UNREADABLE_RECORD`.
 *
 * Each method sends its command before it returns, so that commands keep the order of the calls. Only asynchronous sealing breaks
 * this order.
 */
export interface Vault {
  get(key: FoundKey): Promise<string | null>
  /** What `use` makes of the text. As `get`, with a promise less. */
  use<T>(key: FoundKey, use: (text: string | null) => T | Promise<T>): Promise<T>
  /** `get` for many keys, in their order. */
  getAll(keys: readonly FoundKey[]): Promise<(string | null)[]>
  /** `get`, with the name. */
  getNamed(key: FoundKey): Promise<NamedText | null>
  /** What bytes that stand in Redis hold. */
  named(key: FoundKey, raw: Buffer): NamedText | Promise<NamedText>
  /** The last parts of the names of the records. Reads only those whose keys are hashes. */
  namesOf(keys: readonly FoundKey[]): Promise<string[]>
  /** `get`, with the bytes. */
  read(key: FoundKey): Promise<Standing | null>
  /** Reads a record once. See `Commands.consume` for `consumedKey`. */
  consume(key: RecordKey, consumedKey: RecordKey): Promise<string | null>
  set(key: RecordKey, text: string, expiry?: Expiry): Promise<void>
  /** The value to be stored for a text. */
  encode(key: RecordKey, text: string): Value | Promise<Value>
}
