import type { RecordKey } from '../../record/keys.js'
import { KINDS } from '../../record/kinds.js'
import type { Commands, Expiry, Value } from '../../redis/commands.js'
import type { IndexedRecords } from './indexed-records.js'

/** Writes single records in the form in which Redis holds them, and their entries where their kind is indexed. */
export class RecordWrites {
  readonly #commands: Commands
  readonly #indexed: IndexedRecords

  constructor(commands: Commands, indexed: IndexedRecords) {
    this.#commands = commands
    this.#indexed = indexed
  }

  set(key: RecordKey, value: Value, expiry: Expiry = {}): Promise<void> {
    if (KINDS[key.kind].isIndexed) return this.#indexed.set(key, value, expiry)
    return this.#commands.set(key.redisKey, value, expiry)
  }

  /** `set` where there is no such record; false: there is one, and it stands as it was. */
  add(key: RecordKey, value: Value, expiry: Expiry = {}): Promise<boolean> {
    return KINDS[key.kind].isIndexed
      ? this.#indexed.add(key, value, expiry)
      : this.#commands.add(key.redisKey, value, expiry)
  }

  /** Whether there was one. */
  delete(key: RecordKey): Promise<boolean> {
    return KINDS[key.kind].isIndexed
      ? this.#indexed.delete(key)
      : this.#commands.delete(key.redisKey)
  }

  compareAndSet(
    key: RecordKey,
    expected: Value,
    value: Value,
    expiry: Expiry = {},
  ): Promise<boolean> {
    return KINDS[key.kind].isIndexed
      ? this.#indexed.compareAndSet(key, expected, value, expiry)
      : this.#commands.compareAndSet(key.redisKey, expected, value, expiry)
  }

  compareAndDelete(key: RecordKey, expected: Value): Promise<boolean> {
    return KINDS[key.kind].isIndexed
      ? this.#indexed.compareAndDelete(key, expected)
      : this.#commands.compareAndDelete(key.redisKey, expected)
  }
}
