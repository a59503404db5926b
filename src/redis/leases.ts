import type { Subscriber } from './changes/subscriber.js'
import type { Connection } from './connection/connection.js'
import { done } from './driver/replies.js'
import { ACQUIRE, RELEASE, RENEW } from './scripts.js'

/** Leases in Redis. A lease's key is the channel on which its release is published. Each call is one round trip. */
export class Leases {
  readonly #connection: Connection
  readonly #subscriber: Subscriber
  readonly #keyOf: (name: string) => string

  constructor(connection: Connection, subscriber: Subscriber, keyOf: (name: string) => string) {
    this.#connection = connection
    this.#subscriber = subscriber
    this.#keyOf = keyOf
  }

  /** Whether `owner` holds the lease now; true as well when it did before, as after a resent command. */
  acquire(name: string, owner: string, leaseMs: number): Promise<boolean> {
    return this.#run(ACQUIRE, name, owner, leaseMs)
  }

  /** False: it is another's by now, or nobody's. */
  renew(name: string, owner: string, leaseMs: number): Promise<boolean> {
    return this.#run(RENEW, name, owner, leaseMs)
  }

  /** Gives the lease back if `owner` still holds it, and wakes who watches it. */
  release(name: string, owner: string): Promise<boolean> {
    return this.#run(RELEASE, name, owner)
  }

  watch(name: string, listener: () => void): Promise<() => void> {
    return this.#subscriber.subscribe(this.#keyOf(name), listener)
  }

  #run(script: string, name: string, ...args: (string | number)[]): Promise<boolean> {
    const key = this.#keyOf(name)
    return this.#connection.send('write', 'eval', [script, 1, key, ...args], done)
  }
}
