import fc from 'fast-check'
import { expect, it } from 'vitest'
import { isWellFormed, textOf } from '../../../src/leaves/well-formed.js'

it.each(['', 'plain', 'été', '💡', '💡💡', '\u{10ffff}', '\ufffd'])('%j is well formed', (text) => {
  expect(isWellFormed(text)).toBe(true)
})

it.each(['\ud800', '\udfff', 'a\ud83d', '\udca1a', '\udca1\ud83d', '💡\udca1'])(
  '%j has a lone surrogate',
  (text) => {
    expect(isWellFormed(text)).toBe(false)
  },
)

it('a string is well formed exactly when it survives UTF-8', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.nat(0xffff).map((code) => String.fromCharCode(code)) }),
      (text) => {
        expect(isWellFormed(text)).toBe(Buffer.from(text).toString() === text)
      },
    ),
  )
})

it('a string of surrogates is well formed exactly when it survives UTF-8', () => {
  const surrogate = fc
    .integer({ min: 0xd7ff, max: 0xe000 })
    .map((code) => String.fromCharCode(code))
  fc.assert(
    fc.property(fc.string({ unit: surrogate, maxLength: 8 }), (text) => {
      expect(isWellFormed(text)).toBe(Buffer.from(text).toString() === text)
    }),
  )
})

it('bytes have a text exactly when they are its UTF-8', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (array) => {
      const bytes = Buffer.from(array)
      const text = textOf(bytes)
      if (text === undefined) expect(Buffer.from(bytes.toString())).not.toEqual(bytes)
      else expect(Buffer.from(text)).toEqual(bytes)
    }),
  )
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(textOf(Buffer.from(text))).toBe(text)
    }),
  )
  expect(textOf(Buffer.from('a\ufffd\ufeff'))).toBe('a\ufffd\ufeff')
  expect(textOf(Buffer.from([0x61, 0xff]))).toBeUndefined()
})
