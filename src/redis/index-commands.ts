import { type Commands, type Expiry, expiryArguments, type Value } from './commands.js'
import type { Connection } from './connection/connection.js'
import type { Effect } from './driver/command.js'
import type { Argument } from './protocol/frame.js'
import { done, integer, listOf, orNil, pairs, type Reader, text } from './protocol/replies.js'
import {
  COMPARE_AND_DELETE,
  COMPARE_AND_SET_INDEXED,
  DELETE_INDEXED,
  SET_INDEXED,
} from './scripts.js'

/** How long the entry of a record is kept at least, in milliseconds. */
export interface EntryLife {
  /** From the save on. */
  readonly entryMs: number
  /** Beyond the end of the record. */
  readonly marginMs: number
}

type ScriptArguments = [script: string, keys: 2, key: string, ...Argument[]]

/** Where a record is indexed, in its own slot. */
export interface Entry {
  /** The key of the index. */
  readonly index: string
  readonly field: string
}

/** Commands for records that an index names. Each method is one command, sent before it returns, and one round trip. */
export class IndexCommands {
  readonly #connection: Connection
  readonly #commands: Commands

  /** @param commands - announces writes, and waits until they are durable */
  constructor(connection: Connection, commands: Commands) {
    this.#connection = connection
    this.#commands = commands
  }

  /**
   * Sets an indexed record that is there, and leaves its entry as it is.
   * @param read - `isOk` of the reply tells it whether there was one. Called once the write is durable; what it returns is waited for
   */
  setExisting<T>(
    key: string,
    value: Value,
    expiry: Expiry,
    read: Reader<T | Promise<T>>,
  ): Promise<T> {
    const { ttlMs } = expiry
    // Most records have a span, and spreading costs a tenth of what a save does.
    const args =
      ttlMs === undefined
        ? [key, value, ...expiryArguments(expiry), 'XX']
        : [key, value, 'PX', ttlMs, 'XX']
    return this.#commands.setIf(key, args, read)
  }

  /**
   * Sets a record and its entry.
   * @param expiry - which every indexed record has
   * @param mode - `absent`: only if there is no record
   * @returns whether it was set
   */
  set(
    key: string,
    { index, field }: Entry,
    value: Value,
    expiry: Expiry,
    life: EntryLife,
    mode: 'always' | 'absent' = 'always',
  ): Promise<boolean> {
    const args = [value, field, entryMsOf(life, expiry), untilOf(life, expiry)]
    const all: ScriptArguments = [SET_INDEXED, 2, key, index, ...args, ...expiryArguments(expiry)]
    if (mode === 'absent') all.push('NX')
    return this.#run('write', all)
  }

  /** The fields of an index, and what stands there. */
  entries(index: string): Promise<Map<string, string>> {
    return this.#connection.send('read', 'hgetall', [index], pairs)
  }

  /** Fails where the key holds no index. */
  async probe(index: string): Promise<void> {
    await this.#connection.send('read', 'hget', [index, ''], orNil(text))
  }

  /**
   * Deletes records of one index, at most a thousand, with their entries.
   * @param leftovers - other keys in the same slot, which are deleted and not counted
   * @returns how many records there were, and how many entries are left
   */
  delete(
    index: string,
    records: readonly { readonly key: string; readonly field: string }[],
    leftovers: readonly string[],
  ): Promise<[removed: number, left: number]> {
    const keys = records.map(({ key }) => key)
    const fields = records.map(({ field }) => field)
    const all = [index, ...keys, ...leftovers]
    const args = [DELETE_INDEXED, all.length, ...all, records.length, ...fields]
    const command = this.#connection.start('write', 'eval', args, removedAndLeft)
    return this.#commands.confirmed(keys, command)
  }

  /** Sets record and expiry, if the record still holds `expected`. Its entry gets the time of this replacement. */
  compareAndSet(
    key: string,
    { index, field }: Entry,
    expected: Value,
    value: Value,
    expiry: Expiry,
    life: EntryLife,
  ): Promise<boolean> {
    const args = [expected, value, field, entryMsOf(life, expiry), untilOf(life, expiry)]
    const all = [...args, ...expiryArguments(expiry)]
    return this.#run('repeatable', [COMPARE_AND_SET_INDEXED, 2, key, index, ...all])
  }

  /** Deletes the record if it still holds `expected`, and its entry. */
  compareAndDelete(key: string, { index, field }: Entry, expected: Value): Promise<boolean> {
    return this.#run('repeatable', [COMPARE_AND_DELETE, 2, key, index, expected, field])
  }

  /** A script that writes to its first key, or leaves it. */
  #run(effect: Effect, args: ScriptArguments): Promise<boolean> {
    return this.#commands.confirmed(args[2], this.#connection.start(effect, 'eval', args, done))
  }
}

const twoIntegers = listOf(integer, 2)

const removedAndLeft = (reply: unknown): [removed: number, left: number] => {
  const [removed = 0, left = 0] = twoIntegers(reply)
  return [removed, left]
}

/** How long an entry is kept from now on. */
function entryMsOf({ entryMs, marginMs }: EntryLife, { expiresAt, ttlMs = 0 }: Expiry): number {
  return expiresAt === undefined ? Math.max(entryMs, ttlMs + marginMs) : entryMs
}

/** The time until which an entry is kept; 0 for a record whose life is a span. */
function untilOf({ marginMs }: EntryLife, { expiresAt }: Expiry): number {
  return expiresAt === undefined ? 0 : Math.floor(expiresAt) + marginMs
}
