import { createCipheriv, createDecipheriv, type KeyObject, randomFillSync } from 'node:crypto'

/** 96 bits, the length that GCM is made for (NIST SP 800-38D section 5.2.1.1). */
export const NONCE_BYTES = 12
export const TAG_BYTES = 16

const CIPHER = 'aes-256-gcm'

/** Writes ciphertext and tag to `target` at `offset`; `target` has room for both. */
export function encryptInto(
  target: Buffer,
  offset: number,
  key: KeyObject,
  nonce: Buffer,
  associatedData: Buffer,
  plaintext: Buffer,
): void {
  const cipher = createCipheriv(CIPHER, key, nonce)
  cipher.setAAD(associatedData)
  target.set(cipher.update(plaintext), offset)
  cipher.final()
  target.set(cipher.getAuthTag(), offset + plaintext.length)
}

/** The plaintext, or nothing if key, nonce, associated data, ciphertext and tag do not belong together. */
export function decrypt(
  key: KeyObject,
  nonce: Buffer,
  associatedData: Buffer,
  ciphertext: Buffer,
  tag: Buffer,
): Buffer | undefined {
  const decipher = createDecipheriv(CIPHER, key, nonce)
  decipher.setAAD(associatedData)
  decipher.setAuthTag(tag)
  const plaintext = decipher.update(ciphertext)
  try {
    decipher.final()
  } catch {
    return undefined
  }
  return plaintext
}

const pool: Buffer = Buffer.alloc(NONCE_BYTES * 256)
let drawn: number = pool.length

/**
 * Copies 12 fresh random bytes to `target` at `offset`. They are drawn 256 at a time, which costs a fiftieth of drawing
 * each alone, and none is given out twice. Each thread loads this module for itself and so has a pool of its own.
 */
export function writeNonce(target: Buffer, offset: number): void {
  if (drawn === pool.length) {
    randomFillSync(pool)
    drawn = 0
  }
  drawn += pool.copy(target, offset, drawn, drawn + NONCE_BYTES)
}
