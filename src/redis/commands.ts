import { randomBytes } from 'node:crypto'
import type { UnixMs } from '../leaves/clock.js'
import type { RedisOAuthDatabaseError } from '../leaves/errors.js'
import type { Connection } from './connection/connection.js'
import type { DeletionTally } from './deletion-tally.js'
import type { TrackedCommand } from './driver/command.js'
import type { Durability } from './durability.js'
import type { Argument } from './protocol/frame.js'
import {
  bytes,
  done,
  integer,
  isOk,
  type KeyTime,
  keyTime,
  ok,
  orNil,
  pong,
  type Reader,
} from './protocol/replies.js'
import { type KeyType, scan } from './scan.js'
import {
  COMPARE_AND_DELETE,
  COMPARE_AND_SET,
  CONSUME,
  EXCHANGE,
  EXPIRE_TIME,
  LOOK_AT_REST,
  REST,
} from './scripts.js'

export type { KeyTime } from './protocol/replies.js'

// A million at once would all wait for the last, and time out.
const BUNCH = 1_000

/** A bunch at a time of what is too much to ask for at once. */
export function* inBunches<T>(all: readonly T[]): Generator<readonly T[], void, undefined> {
  for (let start = 0; start < all.length; start += BUNCH) yield all.slice(start, start + BUNCH)
}

export type Value = string | Buffer

/** An absolute time, or a span by Redis' clock, in milliseconds; neither means for ever. */
export interface Expiry {
  readonly expiresAt?: UnixMs
  readonly ttlMs?: number
}

/** A number of no interest. */
const anyInteger: Reader<void> = (reply) => {
  integer(reply)
}

/** What this library does to single keys. Each method is one command, sent before it returns, and one round trip. */
export class Commands {
  readonly #connection: Connection
  readonly #durability: Durability | undefined
  readonly #onWrite: ((key: string) => void) | undefined
  #hasExpireTime = true

  /**
   * @param durability - what every write waits for beside its reply
   * @param onWrite - called with the key of every write when it is sent, and again when it has ended
   */
  constructor(
    connection: Connection,
    durability?: Durability,
    onWrite?: ((key: string) => void) | undefined,
  ) {
    this.#connection = connection
    this.#durability = durability
    this.#onWrite = onWrite
  }

  get(key: string): Promise<string | null> {
    return this.#connection.get(key)
  }

  getBuffer(key: string): Promise<Buffer | null> {
    return this.#connection.getBuffer(key)
  }

  /** The values of the keys, in their order. Sent together: one round trip. */
  getAll(keys: readonly string[]): Promise<(string | null)[]> {
    return this.#connection.getAll(keys)
  }

  getAllBuffers(keys: readonly string[]): Promise<(Buffer | null)[]> {
    return this.#connection.getAllBuffers(keys)
  }

  /** Sets value and expiry at once; without either the key lives until it is deleted. */
  set(key: string, value: Value, { expiresAt, ttlMs }: Expiry = {}): Promise<void> {
    if (expiresAt === undefined) {
      return this.#write('set', ttlMs === undefined ? [key, value] : [key, value, 'PX', ttlMs], ok)
    }
    // Redis takes no such time.
    if (expiresAt <= 0) return this.#write('del', [key], anyInteger)
    // Also when it is past: Redis' clock decides, and gives nobody what has expired by that.
    return this.#write('set', [key, value, 'PXAT', Math.floor(expiresAt)], ok)
  }

  /** Sets value and expiry if there is no such key; false: there is one, and nothing was done. */
  add(key: string, value: Value, expiry: Expiry = {}): Promise<boolean> {
    return this.#write('set', [key, value, ...expiryArguments(expiry), 'NX'], isOk)
  }

  /** Whether it removed something. */
  async delete(key: string): Promise<boolean> {
    return (await this.#write('del', [key], integer)) > 0
  }

  /**
   * Deletes many, and has `tally` count what becomes of each. The commands of a thousand leave together: one round trip. Stops
   * after a thousand of which none succeeded, because Redis is away.
   */
  async deleteAll(keys: readonly string[], tally: DeletionTally): Promise<void> {
    for (const some of inBunches(keys)) {
      if (tally.isHopeless) tally.notTried += some.length
      else tally.count(await Promise.allSettled(some.map((key) => this.delete(key))))
    }
  }

  async exists(key: string): Promise<boolean> {
    return (await this.#connection.send('read', 'exists', [key], integer)) > 0
  }

  /**
   * When the key expires; null: never; undefined: there is no such key. Two round trips, once, before Redis 7, and where the user
   * has the rights that were enough there.
   */
  async expiry(key: string): Promise<UnixMs | null | undefined> {
    const reply = await this.#expireTime(key)
    if (reply === -2) return undefined
    return reply === -1 ? null : reply
  }

  /**
   * The value, once: it is gone afterwards. `consumedKey` lets a repetition of this very call, whose reply was lost with
   * the connection, find what it consumed; it must be in the slot of `key`.
   */
  consume(key: string, consumedKey: string): Promise<Buffer | null> {
    const reader = randomBytes(16).toString('hex')
    const args = [CONSUME, 2, key, consumedKey, reader, this.#connection.commandTimeout]
    return this.confirmed(key, this.#connection.start('repeatable', 'eval', args, orNil(bytes)))
  }

  /** Sets value and expiry at once, if the key still holds `expected`. */
  compareAndSet(key: string, expected: Value, value: Value, expiry: Expiry = {}): Promise<boolean> {
    return this.#run([COMPARE_AND_SET, 1, key, expected, value, ...expiryArguments(expiry)])
  }

  /** Puts `value` in the place of `expected`, if that still stands there, and lets its expiry be. */
  exchange(key: string, expected: Value, value: Value): Promise<boolean> {
    return this.#run([EXCHANGE, 1, key, expected, value])
  }

  /** Deletes the key if it still holds `expected`. */
  compareAndDelete(key: string, expected: Value): Promise<boolean> {
    return this.#run([COMPARE_AND_DELETE, 1, key, expected])
  }

  /** See {@link LOOK_AT_REST}. */
  lookAtRest(key: string, memoryMs: number, trialMs: number): Promise<KeyTime | null> {
    const args = [LOOK_AT_REST, 1, key, memoryMs, trialMs]
    return this.#connection.send('repeatable', 'eval', args, orNil(keyTime))
  }

  /** See {@link REST}. */
  rest(key: string, args: Argument[]): Promise<KeyTime | null> {
    return this.#connection.send('write', 'eval', [REST, 1, key, ...args], orNil(keyTime))
  }

  /** Deletes what is no record: no replica is waited for, and whether it was there does not matter. */
  async unlink(key: string): Promise<void> {
    await this.#connection.send('write', 'del', [key], integer)
  }

  ping(): Promise<void> {
    return this.#connection.send('read', 'ping', [], pong)
  }

  /** See {@link scan}. */
  scan(pattern: string, type: KeyType = 'string'): AsyncGenerator<string[], void, undefined> {
    return scan(this.#connection, pattern, type)
  }

  async #expireTime(key: string): Promise<number> {
    if (!this.#hasExpireTime) return this.#expireTimeByScript(key)
    try {
      return await this.#connection.send('read', 'pexpiretime', [key], integer)
    } catch (error) {
      const { code } = error as RedisOAuthDatabaseError
      if (code !== 'UNSUPPORTED_BY_SERVER' && code !== 'PERMISSION_DENIED') throw error
      const reply = await this.#expireTimeByScript(key).catch((second: unknown) => {
        throw code === 'PERMISSION_DENIED' ? error : second
      })
      this.#hasExpireTime = false
      return reply
    }
  }

  #expireTimeByScript(key: string): Promise<number> {
    return this.#connection.send('read', 'eval', [EXPIRE_TIME, 1, key], integer)
  }

  /** A command that writes to its first argument. */
  #write<T>(name: string, args: [key: string, ...Argument[]], read: Reader<T>): Promise<T> {
    return this.confirmed(args[0], this.#connection.start('write', name, args, read))
  }

  /** A script that writes to its one key if that holds what is expected, or leaves it. */
  #run(args: [script: string, keys: 1, key: string, ...Argument[]]): Promise<boolean> {
    return this.confirmed(args[2], this.#connection.start('repeatable', 'eval', args, done))
  }

  /** A `SET` with a condition. Where that was not met, nothing needs to be durable; else `read` gets the reply once the write is. */
  setIf<T>(key: string, args: Argument[], read: Reader<T | Promise<T>>): Promise<T> {
    const durability = this.#durability
    let reader = read
    if (durability !== undefined) {
      reader = (reply) =>
        isOk(reply) ? durability.confirm(command, Promise.resolve(reply)).then(read) : read(reply)
    }
    const command: TrackedCommand<T> = this.#connection.start('write', 'set', args, reader)
    return this.#announced(key, command.promise)
  }

  /** Announces the write of a key, or of some, when it is sent and when it has ended, and waits until it is durable. */
  confirmed<T>(key: string | readonly string[], command: TrackedCommand<T>): Promise<T> {
    const written = this.#announced(key, command.promise)
    return this.#durability === undefined ? written : this.#durability.confirm(command, written)
  }

  #announced<T>(key: string | readonly string[], writing: Promise<T>): Promise<T> {
    const onWrite = this.#onWrite
    if (onWrite === undefined) return writing
    const announce = (): void => {
      if (typeof key === 'string') onWrite(key)
      else for (const each of key) onWrite(each)
    }
    announce()
    return writing.finally(announce)
  }
}

/** As `SET` takes it. A time of 1970 or before is one that Redis does not take: any that is past does. */
export function expiryArguments({ expiresAt, ttlMs }: Expiry): Argument[] {
  if (expiresAt !== undefined) return ['PXAT', Math.max(1, Math.floor(expiresAt))]
  return ttlMs === undefined ? [] : ['PX', ttlMs]
}
