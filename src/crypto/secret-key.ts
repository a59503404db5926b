import { createSecretKey, KeyObject } from 'node:crypto'

/** 32 random bytes: as they are, as a string in base64, base64url or hex, or as a secret `KeyObject`. */
export type SecretKey = Uint8Array | string | KeyObject

const KEY_BYTES = 32
const HEX = /^[0-9a-fA-F]{64}$/
const BASE64 = /^[A-Za-z0-9+/_-]{43}=?$/

/**
 * Turns a key as configured into a `KeyObject`, which neither `util.inspect` nor `JSON.stringify` shows.
 * Throws a `TypeError` that begins with `name` for anything that is not 32 bytes or reads like a passphrase.
 */
export function readSecretKey(value: unknown, name: string): KeyObject {
  const bytes = bytesOf(value)
  if (bytes?.length !== KEY_BYTES || isText(bytes)) {
    throw new TypeError(
      `${name} must be ${KEY_BYTES} random bytes, not a passphrase: a Buffer or Uint8Array, or a string in base64, base64url or hex. ` +
        `Make one with: node -e "console.log(require('crypto').randomBytes(${KEY_BYTES}).toString('base64'))"`,
    )
  }
  const key = createSecretKey(bytes)
  bytes.fill(0)
  return key
}

/** A copy of the key's bytes, or nothing if it is in none of the forms. */
function bytesOf(value: unknown): Buffer | undefined {
  if (value instanceof Uint8Array) return Buffer.from(value)
  if (value instanceof KeyObject) return value.type === 'secret' ? value.export() : undefined
  if (typeof value !== 'string') return undefined
  if (HEX.test(value)) return Buffer.from(value, 'hex')
  return BASE64.test(value) ? decodeBase64(value) : undefined
}

/** Takes both alphabets, and refuses a last digit that no encoder writes: it is a typing error. */
function decodeBase64(value: string): Buffer | undefined {
  const bytes = Buffer.from(value, 'base64')
  const digits = value.replace('=', '').replace(/\+/g, '-').replace(/\//g, '_')
  return bytes.toString('base64url') === digits ? bytes : undefined
}

/** Random bytes are all printable once in 10^13 keys; `Buffer.from('a passphrase of 32 characters...')` always is. */
function isText(bytes: Buffer): boolean {
  return bytes.every((byte) => byte >= 0x20 && byte <= 0x7e)
}
