import { checkPart, type KeySpace } from '../record/keys.js'
import type { Commands } from '../redis/commands.js'

/** Tokens under keys of the caller's choice. */
export class TokenStore {
  readonly #keys: KeySpace
  readonly #commands: Commands

  constructor(keys: KeySpace, commands: Commands) {
    this.#keys = keys
    this.#commands = commands
  }

  store(key: string, token: string, expiresAt: Date | undefined): Promise<void> {
    const redisKey = this.#keys.token(key)
    checkPart('token', token)
    if (token === '') throw new TypeError('token must not be empty')
    const expiry = checkExpiry(expiresAt)
    return this.#commands.set(redisKey, token, expiry)
  }

  get(key: string): Promise<string | null> {
    return this.#commands.get(this.#keys.token(key))
  }

  delete(key: string): Promise<boolean> {
    return this.#commands.delete(this.#keys.token(key))
  }

  has(key: string): Promise<boolean> {
    return this.#commands.exists(this.#keys.token(key))
  }

  async expiry(key: string): Promise<Date | 'never' | null> {
    const expiresAt = await this.#commands.expiry(this.#keys.token(key))
    if (expiresAt === undefined) return null
    return expiresAt === null ? 'never' : new Date(expiresAt)
  }

  async *scan(): AsyncGenerator<string, void, undefined> {
    for await (const redisKeys of this.#commands.scan(this.#keys.pattern)) {
      for (const redisKey of redisKeys) {
        const key = this.#keys.tokenKeyOf(redisKey)
        if (key !== null) yield key
      }
    }
  }

  async list(): Promise<string[]> {
    const keys = new Set<string>()
    for await (const key of this.scan()) keys.add(key)
    return [...keys]
  }

  async getMany(keys: Iterable<string>): Promise<Map<string, string>> {
    const found = new Map<string, string>()
    await Promise.all(
      this.#names(keys).map(async ([key, redisKey]) => {
        const token = await this.#commands.get(redisKey)
        if (token !== null) found.set(key, token)
      }),
    )
    return found
  }

  async deleteMany(keys: Iterable<string>): Promise<number> {
    return this.#commands.deleteAll(this.#names(keys).map(([, redisKey]) => redisKey))
  }

  // All are checked before the first command leaves.
  #names(keys: Iterable<string>): [key: string, redisKey: string][] {
    if (typeof keys === 'string')
      throw new TypeError('keys must be an iterable of strings, not a string')
    checkIterable('keys', keys)
    return [...new Set(keys)].map((key) => [key, this.#keys.token(key)])
  }
}

export function checkIterable(argument: string, value: unknown): void {
  const isIterable =
    typeof value === 'object' &&
    value !== null &&
    (Symbol.iterator in value || Symbol.asyncIterator in value)
  if (!isIterable) throw new TypeError(`${argument} must be an iterable`)
}

function checkExpiry(expiresAt: unknown): { expiresAt?: number } {
  if (expiresAt === undefined) return {}
  if (expiresAt instanceof Date && !Number.isNaN(expiresAt.getTime())) {
    return { expiresAt: expiresAt.getTime() }
  }
  throw new TypeError(
    'expiresAt must be a valid Date, or left out for a token that does not expire',
  )
}
