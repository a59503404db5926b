import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compact, restore } from '../../../src/crypto/compaction.js'
import { RedisOAuthDatabaseError } from '../../../src/leaves/errors.js'

const part = (bytes: number): string => Buffer.alloc(bytes, 'secret ').toString('base64url')
const jwt = `${part(27)}.${part(300)}.${part(256)}`

/** Any sequence of UTF-16 units, halves of surrogate pairs included. */
const anyString = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc
    .array(fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0xd7f0, max: 0xe00f })))
    .map((units) => String.fromCharCode(...units)),
)

const base64urlDigits = fc
  .array(fc.constantFrom(...'ABYZabyz0189-_'), { minLength: 0, maxLength: 120 })
  .map((digits) => digits.join(''))

/** Texts with what compaction looks for, in every order, near misses included. */
const tokenLike = fc
  .array(
    fc.oneof(
      base64urlDigits,
      fc.uint8Array({ maxLength: 90 }).map((bytes) => Buffer.from(bytes).toString('base64')),
      fc.constantFrom('.', '"', '{', '}', ',', '/', '+', '=', ' ', '\u0000', '\ud800', 'ж', '🔑'),
      fc.constantFrom(
        '"accessToken":"',
        '"refreshToken":"',
        '"expiresAt":',
        '"resourceUrl":"https://',
      ),
      fc.constantFrom(jwt, part(64)),
    ),
    { maxLength: 12 },
  )
  .map((pieces) => pieces.join(''))

describe('restore of compact', () => {
  it('gives back every string', () => {
    fc.assert(
      fc.property(fc.oneof(anyString, tokenLike), (text) => {
        expect(restore(compact(text))).toBe(text)
      }),
      { numRuns: 3000 },
    )
  })

  it('gives back every JSON of an access token', () => {
    const token = fc.record(
      {
        resourceUrl: fc.oneof(fc.webUrl(), fc.string({ unit: 'grapheme' })),
        accessToken: tokenLike,
        refreshToken: tokenLike,
        expiresAt: fc.integer(),
        extra: anyString,
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(token, (record) => {
        const text = JSON.stringify(record)
        expect(restore(compact(text))).toBe(text)
      }),
      { numRuns: 300 },
    )
  })

  it.each([
    ['the empty string', ''],
    [
      'a run of every length around the shortest',
      Array.from({ length: 40 }, (_, n) => 'a'.repeat(n)).join('.'),
    ],
    ['250 runs', `${part(18)}.`.repeat(250)],
    ['65,536 characters', 'a'.repeat(65_536)],
    ['65,537 characters', 'a'.repeat(65_537)],
    ['a megabyte of quotation marks', '"'.repeat(1_000_000)],
  ])('gives back %s', (_what, text) => {
    expect(restore(compact(text))).toBe(text)
  })
})

describe('compact', () => {
  it('stores the parts of a JWT as the bytes they stand for', () => {
    const saved = jwt.length - compact(jwt).length
    // Each of the three parts may leave up to 3 characters as they are, and costs up to 4 bytes.
    expect(saved).toBeGreaterThan((jwt.length * 1) / 4 - 3 * (3 + 4) - 2)
  })

  it('packs on beside a text that is long but not base64url', () => {
    const both = compact(
      JSON.stringify({ scope: 'openid profile email offline_access', token: jwt }),
    )
    expect(both.length).toBeLessThan(compact(jwt).length + 70)
  })

  it('adds no more than one byte to a text in which nothing can be packed', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 23 }), (text) => {
        expect(compact(text).length).toBe(1 + Buffer.byteLength(text))
      }),
    )
  })
})

describe('restore', () => {
  it('either makes a text of bytes or says UNREADABLE_RECORD', () => {
    const malformed = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc
        .tuple(fc.constantFrom(0, 1, 3), fc.uint8Array({ maxLength: 60 }))
        .map(([form, rest]) => Uint8Array.of(form, ...rest)),
      fc.tuple(fc.nat(600), fc.nat(255)).map(([at, byte]) => {
        const bytes = compact(`{"accessToken":"${jwt}"}`)
        bytes[at % bytes.length] = byte
        return bytes
      }),
      fc.nat(600).map((length) => compact(`{"accessToken":"${jwt}"}`).subarray(0, length)),
    )
    fc.assert(
      fc.property(malformed, (bytes) => {
        try {
          expect(typeof restore(Buffer.from(bytes))).toBe('string')
        } catch (error) {
          expect(error).toBeInstanceOf(RedisOAuthDatabaseError)
          expect(error).toHaveProperty('code', 'UNREADABLE_RECORD')
        }
      }),
      { numRuns: 3000 },
    )
  })

  it.each([
    ['no bytes', []],
    ['an unknown form', [4, 65]],
    ['the form that is no longer used', [2, 0, 65]],
    ['more runs than there are numbers', [1, 2, 0, 0]],
    ['more packed bytes than there are', [1, 1, 0, 2, 1, 2, 3]],
    ['a run behind the end of the rest', [1, 1, 9, 1, 1, 2, 3, 65]],
    ['a number that does not end', [1, 255, 255, 255, 255, 255, 255]],
  ])('refuses %s', (_what, bytes) => {
    expect(() => restore(Buffer.from(bytes))).toThrow(
      expect.objectContaining({ code: 'UNREADABLE_RECORD' }),
    )
  })
})
