import { createSecretKey } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  decrypt,
  encryptInto,
  NONCE_BYTES,
  TAG_BYTES,
  writeNonce,
} from '../../../src/crypto/aes-gcm.js'
import cases from '../../vectors/gcm.json' with { type: 'json' }

const hex = (text: string): Buffer => Buffer.from(text, 'hex')

/** The AES-256 cases with a 96-bit nonce of "The Galois/Counter Mode of Operation" (McGrew and Viega), which NIST adopted. */
describe.each(cases)('GCM $name', ({ key, nonce, associatedData, plaintext, ciphertext, tag }) => {
  const secret = createSecretKey(hex(key))

  it('encrypts to the published ciphertext and tag', () => {
    const target = Buffer.alloc(3 + ciphertext.length / 2 + TAG_BYTES)
    encryptInto(target, 3, secret, hex(nonce), hex(associatedData), hex(plaintext))
    expect(target.toString('hex')).toBe(`000000${ciphertext}${tag}`)
  })

  it('decrypts the published ciphertext', () => {
    const opened = decrypt(secret, hex(nonce), hex(associatedData), hex(ciphertext), hex(tag))
    expect(opened?.toString('hex')).toBe(plaintext)
  })

  it('gives nothing when a bit of the tag differs', () => {
    const altered = hex(tag)
    altered.writeUInt8(altered.readUInt8(15) ^ 1, 15)
    const opened = decrypt(secret, hex(nonce), hex(associatedData), hex(ciphertext), altered)
    expect(opened).toBeUndefined()
  })
})

describe('writeNonce', () => {
  it('never gives out random bytes twice, in whatever alignment, however often the pool is refilled', () => {
    const seen = new Set<string>()
    const target = Buffer.alloc(NONCE_BYTES)
    for (let i = 0; i < 5000; i++) {
      writeNonce(target, 0)
      for (let from = 0; from <= 4; from++) seen.add(target.toString('latin1', from, from + 8))
    }
    expect(seen.size).toBe(5000 * 5)
  })

  it('writes 12 bytes and leaves those around them alone', () => {
    const target = Buffer.alloc(NONCE_BYTES + 2)
    const touched = new Set<number>()
    for (let i = 0; i < 200; i++) {
      target.fill(0)
      writeNonce(target, 1)
      for (const [at, byte] of target.entries()) if (byte !== 0) touched.add(at)
    }
    expect([...touched].sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
  })
})
