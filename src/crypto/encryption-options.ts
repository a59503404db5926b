import type { EncryptionKey } from './keyring.js'
import type { Sealing } from './sealing.js'

interface SharedEncryptionOptions {
  /**
   * Whether records from before encryption can still be read. While this is on, whoever can write to Redis can plant a
   * plain record, so switch it off when everything is sealed.
   * @defaultValue `false`
   */
  acceptPlaintext?: boolean | undefined
  /**
   * Memory, in bytes, for records that were opened lately: one that is read again unchanged is not decrypted again. `0`
   * keeps none.
   * @defaultValue `8388608`
   */
  memoBytes?: number | undefined
}

/** Encryption by this library, with AES-256-GCM. */
export interface KeyEncryptionOptions extends SharedEncryptionOptions {
  /** The keys. The first seals what is written, all of them open what is read. */
  keys: readonly EncryptionKey[]
  seal?: undefined
  open?: undefined
}

/**
 * Encryption by functions of the caller's, for example with a key management service. They may be asynchronous. A write
 * then leaves once it is sealed, so writes that nobody awaits may arrive in another order than they were called in.
 */
export interface CustomEncryptionOptions extends SharedEncryptionOptions, Sealing {
  keys?: undefined
}

export type EncryptionOptions = KeyEncryptionOptions | CustomEncryptionOptions

/** 8 MiB are about 2500 records of 1000 characters. */
export const ENCRYPTION_DEFAULTS: {
  readonly acceptPlaintext: boolean
  readonly memoBytes: number
} = {
  acceptPlaintext: false,
  memoBytes: 8_388_608,
}

const NAMES = new Set(['keys', 'seal', 'open', 'acceptPlaintext', 'memoBytes'])

/** Throws a `TypeError` that names the option which is wrong. What is in `keys` is the keyring's to check. */
export function checkEncryptionOptions(
  encryption: unknown,
): asserts encryption is EncryptionOptions {
  if (typeof encryption !== 'object' || encryption === null) {
    throw new TypeError('encryption must be an object: { keys } or { seal, open }')
  }
  // An object of a class of the caller's has whatever fields it needs.
  const isPlain = Object.getPrototypeOf(encryption) === Object.prototype
  const unknown = Object.keys(encryption).find((name) => !NAMES.has(name))
  if (isPlain && unknown !== undefined)
    throw new TypeError(`encryption.${unknown} is not an option`)
  const { keys, seal, open, acceptPlaintext, memoBytes } = encryption as Record<string, unknown>
  const isCustom = typeof seal === 'function' && typeof open === 'function'
  if (keys === undefined ? !isCustom : seal !== undefined || open !== undefined) {
    throw new TypeError('encryption takes either keys, or the functions seal and open')
  }
  if (acceptPlaintext !== undefined && typeof acceptPlaintext !== 'boolean') {
    throw new TypeError('encryption.acceptPlaintext must be true or false')
  }
  if (memoBytes !== undefined && !(Number.isSafeInteger(memoBytes) && (memoBytes as number) >= 0)) {
    throw new TypeError('encryption.memoBytes must be a whole number of bytes, or 0 for no memo')
  }
}
