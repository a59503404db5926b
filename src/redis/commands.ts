import type { UnixMs } from '../clock.js'
import { RedisOAuthDatabaseError } from '../errors.js'
import type { Connection } from './connection.js'
import { EXPIRE_TIME } from './scripts.js'

/** What this library does to single keys. Each method is one command, sent before it returns, and one round trip. */
export class Commands {
  readonly #connection: Connection
  #hasExpireTime = true

  constructor(connection: Connection) {
    this.#connection = connection
  }

  get(key: string): Promise<string | null> {
    return this.#connection.send('read', 'get', [key])
  }

  /** Sets value and expiry at once; without `expiresAt` the key lives until it is deleted. */
  async set(key: string, value: string, expiresAt?: UnixMs): Promise<void> {
    const expiry = expiresAt === undefined ? [] : ['PXAT', expiresAt]
    await this.#connection.send('write', 'set', [key, value, ...expiry])
  }

  /** Whether it removed something. */
  async delete(key: string): Promise<boolean> {
    const command = this.#connection.start('write', 'del', [key])
    const removed = (await command.promise) > 0
    if (!removed && command.writes > 1) {
      throw new RedisOAuthDatabaseError(
        'OUTCOME_UNKNOWN',
        `DEL was sent to Redis at ${this.#connection.server} more than once, because the connection was cut before its ` +
          'reply. The key is gone; whether this call removed it is unknown',
      )
    }
    return removed
  }

  async exists(key: string): Promise<boolean> {
    return (await this.#connection.send('read', 'exists', [key])) > 0
  }

  /** When the key expires; null: never; undefined: there is no such key. Two round trips, once, before Redis 7. */
  async expiry(key: string): Promise<UnixMs | null | undefined> {
    const reply = await this.#expireTime(key)
    if (reply === -2) return undefined
    return reply === -1 ? null : reply
  }

  async ping(): Promise<void> {
    await this.#connection.send('read', 'ping', [])
  }

  async #expireTime(key: string): Promise<number> {
    if (this.#hasExpireTime) {
      try {
        return await this.#connection.send('read', 'pexpiretime', [key])
      } catch (error) {
        const isUnknown = error instanceof RedisOAuthDatabaseError && error.code === 'REDIS_ERROR'
        if (!isUnknown) throw error
        this.#hasExpireTime = false
      }
    }
    return this.#connection.send('read', 'eval', [EXPIRE_TIME, 1, key])
  }
}
