import type { Subscriber } from './changes/subscriber.js'
import type { Connection } from './connection/connection.js'
import type { TrackedCommand } from './driver/command.js'
import type { Durability } from './durability.js'
import type { Argument } from './protocol/frame.js'
import { done, orNil, type Reader, text } from './protocol/replies.js'
import { ACQUIRE, MARK, RELEASE, RENEW } from './scripts.js'

/** The Redis keys of a lease, in one slot. */
export interface LeaseKeys {
  readonly lease: string
  /** What its owner is about to do, or does. */
  readonly mark: string
}

/**
 * Leases in Redis. A lease's key is the channel on which its release is published. Each call is one round trip, and with
 * `durability` waits for the replicas as every write does.
 */
export class Leases {
  readonly #connection: Connection
  readonly #subscriber: Subscriber
  readonly #durability: Durability | undefined
  readonly #keysOf: (name: string) => LeaseKeys

  constructor(
    connection: Connection,
    subscriber: Subscriber,
    durability: Durability | undefined,
    keysOf: (name: string) => LeaseKeys,
  ) {
    this.#connection = connection
    this.#subscriber = subscriber
    this.#durability = durability
    this.#keysOf = keysOf
  }

  acquire(name: string, owner: string, leaseMs: number): Promise<boolean> {
    return this.#run(ACQUIRE, [this.#keysOf(name).lease], [owner, leaseMs], done)
  }

  renew(name: string, owner: string, leaseMs: number, mark = '', markMs = 0): Promise<boolean> {
    return this.#run(RENEW, this.#bothOf(name), [owner, leaseMs, mark, markMs], done)
  }

  mark(
    name: string,
    owner: string,
    leaseMs: number,
    mark: string,
    markMs: number,
    awaited = '',
  ): Promise<string | null> {
    const args = [owner, leaseMs, mark, markMs, awaited]
    return this.#run(MARK, this.#bothOf(name), args, orNil(text))
  }

  release(name: string, owner: string, mark = ''): Promise<boolean> {
    return this.#run(RELEASE, this.#bothOf(name), [owner, mark], done)
  }

  watch(name: string, listener: () => void): Promise<() => void> {
    return this.#subscriber.subscribe(this.#keysOf(name).lease, listener)
  }

  #bothOf(name: string): [lease: string, mark: string] {
    const { lease, mark } = this.#keysOf(name)
    return [lease, mark]
  }

  #run<T>(script: string, keys: string[], args: Argument[], read: Reader<T>): Promise<T> {
    const whole = [script, keys.length, ...keys, ...args]
    const command: TrackedCommand<T> = this.#connection.start('repeatable', 'eval', whole, read)
    return this.#durability === undefined
      ? command.promise
      : this.#durability.confirm(command, command.promise)
  }
}
