import type { KeyObject } from 'node:crypto'
import type { EncryptionOptions } from './encryption-options.js'
import type { HashKeysOptions } from './name-hash.js'
import { readSecretKey, type SecretKey } from './secret-key.js'

/** One key that records are encrypted with. */
export interface EncryptionKey {
  /**
   * Names the key in every record encrypted with it, in the clear: 1 to 32 characters of `A-Z a-z 0-9 . _ -`, different
   * for each key. Short ones save memory: each character is a byte a record.
   */
  readonly id: string
  /** 32 random bytes: `Buffer` or `Uint8Array`, a string in base64, base64url or hex, or a secret `KeyObject`. */
  readonly key: SecretKey
}

/** How far a key has been used. */
export interface KeyUsage {
  readonly id: string
  /** How many records this process has encrypted with the key. Other processes that share the key count for themselves. */
  readonly sealed: number
  /** How many records all processes together may encrypt with one key. */
  readonly maxSeals: number
}

/**
 * NIST SP 800-38D section 8.3: at most 2^32 records under one key when nonces are drawn at random, so that two records
 * share a nonce with a probability of no more than 2^-32.
 */
export const MAX_SEALS_PER_KEY: number = 2 ** 32

/** The environment variable that `parseKeys` reads keys from. */
export const ENCRYPTION_KEYS_VARIABLE = 'ATXP_REDIS_ENCRYPTION_KEYS'

/** The environment variable with the key that hides names. */
export const HASH_KEY_VARIABLE = 'ATXP_REDIS_HASH_KEY'

/** The first byte of every built-in envelope. No UTF-8 text has a byte of 0xF8 or more. */
const ENVELOPE_MAGIC = 0xfa
const ENVELOPE_VERSION = 1

const KEY_ID = /^[A-Za-z0-9._-]{1,32}$/

/** A key at work: what its envelopes begin with, and how many of them this process has made. */
export class SealingKey {
  readonly id: string
  readonly secret: KeyObject
  /** Magic, version, length of the id, id. */
  readonly header: Buffer
  /** What the associated data of every record under this key begins with. */
  readonly associatedPrefix: string
  #sealed = 0
  readonly #maxSeals: number

  constructor(id: string, secret: KeyObject, maxSeals: number) {
    this.id = id
    this.secret = secret
    this.header = Buffer.from([ENVELOPE_MAGIC, ENVELOPE_VERSION, id.length, ...Buffer.from(id)])
    this.associatedPrefix = `${ENVELOPE_VERSION}:${id.length}:${id}`
    this.#maxSeals = maxSeals
  }

  /**
   * Counts one record. Past the bound it warns and goes on: the count starts anew with each process, so refusing
   * would turn a risk of 2^-32 into an outage that a restart hides.
   */
  countSeal(): void {
    this.#sealed++
    if (this.#sealed === this.#maxSeals / 2 || this.#sealed === this.#maxSeals) this.#warn()
  }

  usage(): KeyUsage {
    return { id: this.id, sealed: this.#sealed, maxSeals: this.#maxSeals }
  }

  #warn(): void {
    process.emitWarning(
      `This process alone has encrypted ${this.#sealed} records with the encryption key "${this.id}"; ` +
        `all processes together should encrypt no more than ${this.#maxSeals} with one key. Put a new key first in encryption.keys.`,
      { type: 'RedisOAuthDatabaseWarning', code: 'ATXP_REDIS_KEY_USE' },
    )
  }
}

/** The keys in order: the first seals, all of them open. */
export class Keyring {
  readonly active: SealingKey
  readonly #keys: readonly SealingKey[]

  constructor(active: SealingKey, others: readonly SealingKey[]) {
    this.active = active
    this.#keys = [active, ...others]
  }

  /** The key that an envelope begins with, if it is in the ring. */
  keyOf(envelope: Buffer): SealingKey | undefined {
    return this.#keys.find((key) => startsWith(envelope, key.header))
  }

  has(secret: KeyObject): boolean {
    return this.#keys.some((key) => key.secret.export().equals(secret.export()))
  }

  /** The use of each key in this process, in the order of the ring. */
  usage(): KeyUsage[] {
    return this.#keys.map((key) => key.usage())
  }
}

/** The id of the key that an envelope says it was sealed with; undefined for what is no envelope of this version. */
export function keyIdOf(bytes: Buffer): string | undefined {
  const [magic, version, length = 0] = bytes
  if (magic !== ENVELOPE_MAGIC || version !== ENVELOPE_VERSION) return undefined
  const id = bytes.toString('latin1', 3, 3 + length)
  return KEY_ID.test(id) ? id : undefined
}

/** Checks `encryption.keys` and makes the ring. Throws a `TypeError` that names the entry, and never shows it. */
export function createKeyring(keys: unknown, maxSeals: number = MAX_SEALS_PER_KEY): Keyring {
  if (!Array.isArray(keys) || keys.length === 0) {
    throw new TypeError('encryption.keys must be an array of { id, key }, the active key first')
  }
  const [active, ...others] = readKeys(keys, (index) => `encryption.keys[${index}]`).map(
    ({ id, secret }) => new SealingKey(id, secret, maxSeals),
  )
  return new Keyring(active as SealingKey, others)
}

/**
 * Reads keys from the text of an environment variable: `id:key` pairs joined by commas, the active key first.
 * Throws a `TypeError` that names the variable and the entry, and never shows a value.
 */
export function parseKeys(
  text: string,
  variable: string = ENCRYPTION_KEYS_VARIABLE,
): EncryptionKey[] {
  const entries = text.split(',').map((entry, index) => {
    const colon = entry.indexOf(':')
    if (colon < 0) {
      throw new TypeError(
        `${variable}: entry ${index + 1} must be id:key; entries are joined by commas`,
      )
    }
    return { id: entry.slice(0, colon).trim(), key: entry.slice(colon + 1).trim() }
  })
  return readKeys(entries, (index) => `${variable}: entry ${index + 1}`).map(({ id, secret }) => ({
    id,
    key: secret,
  }))
}

interface SecretOptions {
  readonly encryption?: EncryptionOptions | undefined
  readonly hashKeys?: HashKeysOptions | undefined
}

/**
 * The options that the environment has keys for, beside those that are given. A variable that is set must have a key: a secret that failed
 * to mount must not mean plain records, or names.
 * @throws TypeError that names the variable, and never shows its value
 */
export function keysFromEnv(
  env: Readonly<Record<string, string | undefined>>,
  given: SecretOptions,
): SecretOptions {
  const keys = given.encryption === undefined ? env[ENCRYPTION_KEYS_VARIABLE] : undefined
  const hashKey = given.hashKeys === undefined ? env[HASH_KEY_VARIABLE] : undefined
  if (hashKey !== undefined && keys === undefined && given.encryption === undefined) {
    throw new TypeError(`${HASH_KEY_VARIABLE} needs ${ENCRYPTION_KEYS_VARIABLE}`)
  }
  return {
    ...(keys !== undefined && { encryption: { keys: parseKeys(keys) } }),
    ...(hashKey !== undefined && {
      hashKeys: { key: readSecretKey(hashKey.trim(), HASH_KEY_VARIABLE) },
    }),
  }
}

interface NamedSecret {
  readonly id: string
  readonly secret: KeyObject
}

function readKeys(entries: readonly unknown[], nameOf: (index: number) => string): NamedSecret[] {
  const keys: NamedSecret[] = []
  entries.forEach((entry, index) => {
    const name = nameOf(index)
    const { id, key } = Object(entry) as Partial<Record<'id' | 'key', unknown>>
    if (typeof id !== 'string' || !KEY_ID.test(id)) {
      throw new TypeError(`${name}.id must be 1 to 32 characters of A-Z a-z 0-9 . _ -`)
    }
    const secret = readSecretKey(key, `${name}.key`)
    const twin = keys.findIndex(
      (other) => other.id === id || other.secret.export().equals(secret.export()),
    )
    if (twin >= 0) {
      const field = keys[twin]?.id === id ? 'id' : 'key'
      throw new TypeError(`${name}.${field} must differ from that of ${nameOf(twin)}`)
    }
    keys.push({ id, secret })
  })
  return keys
}

function startsWith(bytes: Buffer, start: Buffer): boolean {
  if (bytes.length < start.length) return false
  for (let at = 0; at < start.length; at++) if (bytes[at] !== start[at]) return false
  return true
}
