import { createHmac, hkdfSync, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createNameHash, rememberedNames } from '../../../src/crypto/name-hash.js'

const key = randomBytes(32)

describe('createNameHash', () => {
  it('is HMAC-SHA-256 under a key derived by HKDF, cut to 144 bits', () => {
    const derived = Buffer.from(hkdfSync('sha256', key, '', 'atxp-redis key names', 32))
    const whole = createHmac('sha256', derived).update('base:0xж').digest()
    expect(createNameHash({ key })('base:0xж')).toBe(whole.subarray(0, 18).toString('base64url'))
  })

  it('gives the same for the same part in every process that has the key', () => {
    expect(createNameHash({ key: key.toString('hex') })('a')).toBe(createNameHash({ key })('a'))
  })

  it('gives something else under another key', () => {
    expect(createNameHash({ key: randomBytes(32) })('a')).not.toBe(createNameHash({ key })('a'))
  })

  it('gives 24 characters that need no escaping, and different ones for different parts', () => {
    const hash = createNameHash({ key })
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => {
        expect(hash(a)).toMatch(/^[A-Za-z0-9_-]{24}$/)
        expect(hash(a) === hash(b)).toBe(a === b)
      }),
    )
  })

  it('gives the same after more names than it remembers', () => {
    const hash = createNameHash({ key })
    const first = hash('first')
    for (let i = 0; i < 5000; i++) hash(`name ${i}`)
    expect(hash('first')).toBe(first)
  })

  it('remembers no more than 2 MiB of names, however long they are', () => {
    const remembered = rememberedNames()
    const hash = createNameHash({ key }, remembered)
    const long = hash('k'.repeat(900_000))
    expect(remembered.size).toBe(1)
    hash('k'.repeat(2_000_000))
    expect(remembered.size).toBe(1)
    hash('l'.repeat(900_000))
    expect(remembered.size).toBe(1)
    expect(remembered.bytes).toBeLessThanOrEqual(2_097_152)
    expect(hash('k'.repeat(900_000))).toBe(long)
    for (let i = 0; i < 10_000; i++) hash(`name ${i}`)
    expect(remembered.size).toBe(4_096)
    expect(remembered.bytes).toBeLessThanOrEqual(2_097_152)
  })

  it('forgets names after ten minutes', () => {
    let now = 0
    const remembered = rememberedNames(() => now)
    const hash = createNameHash({ key }, remembered)
    hash('a')
    now = 600_000
    hash('b')
    expect(remembered.size).toBe(1)
  })

  it.each([undefined, null, {}, { key: 'a passphrase' }, { key: randomBytes(16) }])(
    'refuses %j by the name of the option',
    (options) => {
      expect(() => createNameHash(options as never)).toThrow(
        /^hashKeys\.key must be 32 random bytes/,
      )
    },
  )
})
