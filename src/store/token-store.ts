import { types } from 'node:util'
import { bytesOfText, type Shelf } from '../cache/shelf.js'
import { checkPart, type FoundKey, type KeySpace, type RecordKey } from '../record/keys.js'
import { isPublished, mayBePublished } from '../record/published.js'
import { type Commands, inBunches } from '../redis/commands.js'
import { DeletionTally } from '../redis/deletion-tally.js'
import type { Vault } from './vault/vault.js'

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
    const recordKey = this.#keys.of('token', key)
    checkPart('token', token)
    if (token === '') throw new TypeError('token must not be empty')
    return this.#vault.set(recordKey, token, checkExpiry(expiresAt))
  }

  /** No promise where it is in memory. */
  get(key: string): Promise<string | null> | string | null {
    const known = this.#known?.get('', key)
    return known === undefined ? this.#get(this.#keys.of('token', key)) : known.value
  }

  delete(key: string): Promise<boolean> {
    return this.#commands.delete(this.#keys.of('token', key).redisKey)
  }

  has(key: string): Promise<boolean> {
    return this.#commands.exists(this.#keys.of('token', key).redisKey)
  }

  async expiry(key: string): Promise<Date | 'never' | null> {
    const expiresAt = await this.#commands.expiry(this.#keys.of('token', key).redisKey)
    if (expiresAt === undefined) return null
    return expiresAt === null ? 'never' : new Date(expiresAt)
  }

  /** What each step of a scan finds, also nothing. */
  async *scan(): AsyncGenerator<string[], void, undefined> {
    for await (const found of this.#commands.scan(this.#keys.pattern)) {
      const tokens = found.map((key) => this.#keys.parse(key)).filter(isToken)
      yield await this.#vault.namesOf(await this.#ownOf(tokens))
    }
  }

  /** Leaves out records of the published class, which may have the same prefix. Reads only what its names say that it may be one. */
  async #ownOf(tokens: FoundKey[]): Promise<FoundKey[]> {
    const suspects = tokens.filter((key) => mayBePublished(this.#keys, key))
    if (suspects.length === 0) return tokens
    const values = await this.#commands.getAllBuffers(suspects.map(({ redisKey }) => redisKey))
    const foreign = new Set(
      suspects.filter((key, at) => isPublished(this.#keys, key, values[at] ?? '')),
    )
    return tokens.filter((key) => !foreign.has(key))
  }

  async list(): Promise<string[]> {
    const keys = new Set<string>()
    for await (const found of this.scan()) for (const key of found) keys.add(key)
    return [...keys]
  }

  async getMany(keys: Iterable<string>): Promise<Map<string, string>> {
    const found = new Map<string, string>()
    for (const some of inBunches(this.#keysOf(keys))) {
      const tokens = await this.#getAll(some)
      for (const [index, { name }] of some.entries()) {
        const token = tokens[index]
        if (token != null) found.set(name, token)
      }
    }
    return found
  }

  async deleteMany(keys: Iterable<string>): Promise<number> {
    const redisKeys = this.#keysOf(keys).map(({ redisKey }) => redisKey)
    const tally = new DeletionTally()
    await this.#commands.deleteAll(redisKeys, tally)
    return tally.outcome()
  }

  #getAll(keys: readonly RecordKey[]): Promise<(string | null)[]> {
    const known = this.#known
    if (known === undefined) return this.#vault.getAll(keys)
    return Promise.all(
      keys.map(async (key) => {
        const entry = known.get('', key.name)
        return entry === undefined ? this.#get(key) : entry.value
      }),
    )
  }

  #get(key: RecordKey): Promise<string | null> {
    if (this.#known === undefined) return this.#vault.get(key)
    return this.#known.read('', key.name, key.redisKey, {
      read: () => this.#vault.get(key),
      expiresAt: (token) => (token === null ? null : this.#commands.expiry(key.redisKey)),
      bytesOf: bytesOfText,
    })
  }

  // All are checked before the first command leaves.
  #keysOf(keys: Iterable<string>): RecordKey[] {
    if (typeof keys === 'string')
      throw new TypeError('keys must be an iterable of strings, not a string')
    if (!(Symbol.iterator in Object(keys)))
      throw new TypeError('keys must be an iterable of strings')
    return Array.from(new Set(keys), (key) => this.#keys.of('token', key))
  }
}

function isToken(key: FoundKey | null): key is FoundKey {
  return key?.kind === 'token'
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
