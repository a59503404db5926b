import type { EncryptionKey } from './keyring.js'
import type { Sealing } from './sealing.js'

/** What both forms of encryption take. */
export interface SharedEncryptionOptions {
  /**
   * Whether records from before encryption can still be read. While this is on, whoever can write to Redis can plant a
   * plain record, so switch it off when everything is encrypted.
   * @defaultValue `false`
   * @example
   * ```ts
   * import { randomBytes } from 'node:crypto'
   *
   * const keys = [{ id: '2026-01', key: randomBytes(32) }]
   * const db = new RedisOAuthDatabase({ encryption: { keys, acceptPlaintext: true } })
   * ```
   */
  acceptPlaintext?: boolean | undefined
  /**
   * Whether writes stay plain: for the first step of a change-over, in which every process learns to read encrypted records
   * before any process writes one, and for the way back. Needs `acceptPlaintext`.
   * @defaultValue `false`
   * @example
   * ```ts
   * import { randomBytes } from 'node:crypto'
   *
   * const db = new RedisOAuthDatabase({
   *   encryption: {
   *     keys: [{ id: '2026-01', key: randomBytes(32) }],
   *     acceptPlaintext: true,
   *     writePlaintext: true,
   *   },
   * })
   * ```
   */
  writePlaintext?: boolean | undefined
  /**
   * Memory, in bytes, for records that were decrypted lately: one that is read again unchanged is not decrypted again. `0`
   * keeps none.
   * @defaultValue `8388608`
   */
  memoBytes?: number | undefined
}

/** Encryption by this library, with AES-256-GCM. */
export interface KeyEncryptionOptions extends SharedEncryptionOptions {
  /**
   * The keys. The first encrypts what is written, all of them decrypt what is read.
   * @example
   * ```ts compile-only
   * const { KEY_OF_2026 = '', KEY_OF_2025 = '' } = process.env
   *
   * const db = new RedisOAuthDatabase({
   *   encryption: {
   *     keys: [
   *       { id: '2026', key: KEY_OF_2026 },
   *       { id: '2025', key: KEY_OF_2025 },
   *     ],
   *   },
   * })
   * ```
   */
  keys: readonly EncryptionKey[]
  seal?: undefined
  open?: undefined
}

/**
 * Encryption by functions of the caller's, for example with a key management service. They may be asynchronous. A write
 * then leaves once it is encrypted, so writes that nobody awaits may arrive in another order than they were called in.
 */
export interface CustomEncryptionOptions extends SharedEncryptionOptions, Sealing {
  keys?: undefined
}

export type EncryptionOptions = KeyEncryptionOptions | CustomEncryptionOptions

/** Throws a `TypeError` that names the option which is wrong. What is in `keys` is the keyring's to check, and names are the options'. */
export function checkEncryptionOptions(
  encryption: unknown,
): asserts encryption is EncryptionOptions {
  if (typeof encryption !== 'object' || encryption === null) {
    throw new TypeError('encryption must be an object: { keys } or { seal, open }')
  }
  const options = encryption as Unchecked
  if (!hasOneForm(options)) {
    throw new TypeError('encryption takes either keys, or the functions seal and open')
  }
  const { acceptPlaintext, writePlaintext, memoBytes } = options
  for (const [name, value] of Object.entries({ acceptPlaintext, writePlaintext })) {
    if (value !== undefined && typeof value !== 'boolean') {
      throw new TypeError(`encryption.${name} must be true or false`)
    }
  }
  if (writePlaintext === true && acceptPlaintext !== true) {
    throw new TypeError('encryption.writePlaintext needs encryption.acceptPlaintext')
  }
  if (memoBytes !== undefined && !(Number.isSafeInteger(memoBytes) && Number(memoBytes) >= 0)) {
    throw new TypeError('encryption.memoBytes must be a whole number of bytes, or 0 for no memo')
  }
}

type Unchecked = Partial<Record<keyof KeyEncryptionOptions, unknown>>

function hasOneForm({ keys, seal, open }: Unchecked): boolean {
  if (keys !== undefined) return seal === undefined && open === undefined
  return typeof seal === 'function' && typeof open === 'function'
}
