import { types } from 'node:util'
import type { Shelf } from '../cache/near-cache.js'
import { checkPart, type KeySpace } from '../record/keys.js'
import { splitName, withName } from '../record/name-prefix.js'
import { type Commands, inBunches } from '../redis/commands.js'
import type { Vault } from './vault.js'

interface Name {
  readonly key: string
  readonly redisKey: string
}

/** Tokens under keys of the caller's choice. */
export class TokenStore {
  readonly #keys: KeySpace
  readonly #commands: Commands
  readonly #vault: Vault
  readonly #known: Shelf<string> | undefined

  /** @param known - the tokens that this process has in memory */
  constructor(keys: KeySpace, commands: Commands, vault: Vault, known?: Shelf<string> | undefined) {
    this.#keys = keys
    this.#commands = commands
    this.#vault = vault
    this.#known = known
  }

  store(key: string, token: string, expiresAt: Date | null | undefined): Promise<void> {
    const redisKey = this.#keys.token(key)
    checkPart('token', token)
    if (token === '') throw new TypeError('token must not be empty')
    const expiry = checkExpiry(expiresAt)
    const text = this.#keys.isHashed ? withName(key, token) : token
    return this.#vault.set('token', redisKey, text, expiry)
  }

  get(key: string): Promise<string | null> {
    const known = this.#known?.get('', key)
    return known === undefined
      ? this.#get(key, this.#keys.token(key))
      : Promise.resolve(known.value)
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

  /** What each step of a scan finds, also nothing. */
  async *scan(): AsyncGenerator<string[], void, undefined> {
    for await (const found of this.#commands.scan(this.#keys.pattern)) {
      const keys: string[] = []
      const hashed: string[] = []
      for (const redisKey of found) {
        const key = this.#keys.tokenKeyOf(redisKey)
        if (key === null) continue
        if (this.#keys.isHashed) hashed.push(redisKey)
        else keys.push(key)
      }
      // Null is one that is gone by now.
      for (const text of await this.#vault.getAll('token', hashed)) {
        if (text !== null) keys.push(splitName(text).name)
      }
      yield keys
    }
  }

  async list(): Promise<string[]> {
    const keys = new Set<string>()
    for await (const found of this.scan()) for (const key of found) keys.add(key)
    return [...keys]
  }

  async getMany(keys: Iterable<string>): Promise<Map<string, string>> {
    const found = new Map<string, string>()
    for (const names of inBunches(this.#names(keys))) {
      const tokens = await this.#getAll(names)
      for (const [index, { key }] of names.entries()) {
        const token = tokens[index]
        if (token != null) found.set(key, token)
      }
    }
    return found
  }

  async deleteMany(keys: Iterable<string>): Promise<number> {
    return this.#commands.deleteAll(this.#names(keys).map(({ redisKey }) => redisKey))
  }

  #getAll(names: readonly Name[]): Promise<(string | null)[]> {
    const known = this.#known
    if (known !== undefined) {
      return Promise.all(
        names.map(async ({ key, redisKey }) => {
          const entry = known.get('', key)
          return entry === undefined ? this.#get(key, redisKey) : entry.value
        }),
      )
    }
    const texts = this.#vault.getAll(
      'token',
      names.map(({ redisKey }) => redisKey),
    )
    return this.#keys.isHashed ? texts.then((all) => all.map(tokenIn)) : texts
  }

  #get(key: string, redisKey: string): Promise<string | null> {
    if (this.#known === undefined) return this.#read(redisKey)
    return this.#known.read('', key, redisKey, {
      read: () => this.#read(redisKey),
      expiresAt: (token) => (token === null ? null : this.#commands.expiry(redisKey)),
    })
  }

  #read(redisKey: string): Promise<string | null> {
    const reading = this.#vault.get('token', redisKey)
    return this.#keys.isHashed ? reading.then(tokenIn) : reading
  }

  // All are checked before the first command leaves.
  #names(keys: Iterable<string>): Name[] {
    if (typeof keys === 'string')
      throw new TypeError('keys must be an iterable of strings, not a string')
    if (!(Symbol.iterator in Object(keys)))
      throw new TypeError('keys must be an iterable of strings')
    return Array.from(new Set(keys), (key) => ({ key, redisKey: this.#keys.token(key) }))
  }
}

/** Of the record under a hashed name. */
function tokenIn(text: string | null): string | null {
  return text === null ? null : splitName(text).text
}

export function checkIterable(argument: string, value: unknown): void {
  const isIterable =
    typeof value === 'object' &&
    value !== null &&
    (Symbol.iterator in value || Symbol.asyncIterator in value)
  if (!isIterable) throw new TypeError(`${argument} must be an iterable`)
}

function checkExpiry(expiresAt: unknown): { expiresAt?: number } {
  if (expiresAt === undefined || expiresAt === null) return {}
  // Not by `instanceof`: a sandbox such as Jest's has a Date of its own.
  if (types.isDate(expiresAt) && !Number.isNaN(expiresAt.getTime())) {
    return { expiresAt: expiresAt.getTime() }
  }
  throw new TypeError(
    'expiresAt must be a valid Date, or null or left out for a token that does not expire',
  )
}
