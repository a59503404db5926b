import { createSecretKey, KeyObject } from 'node:crypto'
import { types } from 'node:util'

/** 32 random bytes: as they are, as a string in base64, base64url or hex, or as a secret `KeyObject`. */
export type SecretKey = Uint8Array | string | KeyObject

const KEY_BYTES = 32
const MIN_DISTINCT_BYTES = 16
const HEX = /^[0-9a-fA-F]{64}$/
const BASE64 = /^[A-Za-z0-9+/_-]{43}=?$/
/** Control characters that no passphrase has; NUL and white space are left out, since text is padded with them. */
const CONTROL = /[^\P{Cc}\s\0]/u

/**
 * Turns a key as configured into a `KeyObject`, which neither `util.inspect` nor `JSON.stringify` shows.
 * Throws a `TypeError` that begins with `name` for anything that is not 32 bytes, reads like a passphrase, or repeats itself.
 */
export function readSecretKey(value: unknown, name: string): KeyObject {
  const bytes = bytesOf(value)
  if (bytes?.length !== KEY_BYTES || !looksRandom(bytes)) {
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
  // Not by `instanceof`: a sandbox such as Jest's has a Uint8Array of its own.
  if (types.isUint8Array(value)) return Buffer.from(value)
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

/**
 * Judges the bytes, whatever their spelling was. It refuses fewer than one of 10^10 random keys: 3 in 10^17 have fewer than
 * 16 different bytes, 7 in 10^11 read as text, and 2^-119 have one byte in every second place.
 */
function looksRandom(bytes: Buffer): boolean {
  return new Set(bytes).size >= MIN_DISTINCT_BYTES && !isText(bytes) && !isUtf16(bytes)
}

/** Whether it is UTF-8, ASCII included, with whatever padding: NUL, white space, or one byte again and again (PKCS #7). */
function isText(bytes: Buffer): boolean {
  const last = bytes[bytes.length - 1]
  let end = bytes.length
  while (end > 0 && bytes[end - 1] === last) end -= 1
  return [bytes, bytes.subarray(0, end)].some((part) => {
    const text = part.toString('utf8')
    return !CONTROL.test(text) && Buffer.from(text).equals(part)
  })
}

/** Of text in UTF-16 every second byte names the alphabet. */
function isUtf16(bytes: Buffer): boolean {
  return [0, 1].some((half) => bytes.every((byte, i) => i % 2 !== half || byte === bytes[half]))
}
