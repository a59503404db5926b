import { randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { EncryptionOptions } from '../../../src/crypto/encryption-options.js'
import type { EncryptionKey } from '../../../src/crypto/keyring.js'
import { isSealed, RecordSealer } from '../../../src/crypto/record-sealer.js'
import type { Sealing } from '../../../src/crypto/sealing.js'

const k1: EncryptionKey = { id: 'k1', key: randomBytes(32) }
const k2: EncryptionKey = { id: 'k2', key: randomBytes(32) }
const context = { kind: 'access', redisKey: 'p:~access:{user}:url' }
const text = '{"accessToken":"t","expiresAt":1}'

const sealedBy = (sealer: RecordSealer, record = text): Buffer =>
  sealer.seal(record, context) as Buffer

const codeOf = async (work: () => unknown): Promise<unknown> => {
  try {
    await work()
  } catch (error) {
    return (error as { code?: unknown }).code
  }
  return 'no error'
}

describe('RecordSealer', () => {
  it('opens what it sealed, for every text', () => {
    const sealer = new RecordSealer({ keys: [k1] })
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (record) => {
        const bytes = sealedBy(sealer, record)
        expect(isSealed(bytes)).toBe(true)
        expect(sealer.open(bytes, context)).toBe(record)
        expect(sealer.open(bytes, context)).toBe(record)
      }),
    )
  })

  it('shows neither key nor record when it is inspected or serialised', async () => {
    const key = randomBytes(32)
    const sealer = new RecordSealer({ keys: [{ id: 'k1', key: Buffer.from(key) }] })
    await sealer.open(sealedBy(sealer, 'a secret token'), context)
    const shown = inspect(sealer, { depth: null, showHidden: true }) + JSON.stringify(sealer)
    const bytes = [...key.subarray(0, 4)]
    const hex = bytes.map((byte) => byte.toString(16).padStart(2, '0'))
    for (const piece of [
      bytes.join(', '),
      bytes.join(','),
      hex.join(' '),
      hex.join(''),
      key.toString('base64').slice(0, 6),
      'secret',
    ]) {
      expect(shown).not.toContain(piece)
    }
  })

  it('opens again what it remembers, and only in its place', async () => {
    const sealer = new RecordSealer({ keys: [k1] })
    const bytes = sealedBy(sealer)
    expect(sealer.open(bytes, context)).toBe(text)
    expect(sealer.open(bytes, context)).toBe(text)
    expect(await codeOf(() => sealer.open(bytes, { ...context, redisKey: 'p:other' }))).toBe(
      'UNREADABLE_RECORD',
    )
    expect(await codeOf(() => sealer.open(bytes, { ...context, kind: 'token' }))).toBe(
      'UNREADABLE_RECORD',
    )
  })

  it('says how far each key was used', () => {
    const sealer = new RecordSealer({ keys: [k1, k2] })
    sealedBy(sealer)
    expect(sealer.usage().map(({ id, sealed }) => [id, sealed])).toEqual([
      ['k1', 1],
      ['k2', 0],
    ])
  })
})

describe('plain records', () => {
  const strict = new RecordSealer({ keys: [k1] })
  const lenient = new RecordSealer({ keys: [k1], acceptPlaintext: true })

  it('are unreadable unless acceptPlaintext is on', async () => {
    expect(await codeOf(() => strict.open(Buffer.from(text), context))).toBe('UNREADABLE_RECORD')
    expect(lenient.open(Buffer.from(text), context)).toBe(text)
  })

  it('are never taken for sealed ones, whatever their text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (record) => {
        const bytes = Buffer.from(record)
        expect(isSealed(bytes)).toBe(false)
        expect(lenient.open(bytes, context)).toBe(record)
      }),
    )
  })

  it('are told from damaged ones', async () => {
    expect(lenient.open(Buffer.from('a\uFFFD'), context)).toBe('a\uFFFD')
    expect(await codeOf(() => lenient.open(Buffer.from([0x61, 0xe2, 0x82]), context))).toBe(
      'UNREADABLE_RECORD',
    )
  })

  it('do not open a way for sealed ones that are not readable', async () => {
    const bytes = sealedBy(new RecordSealer({ keys: [k2] }))
    for (let first = 0xf8; first <= 0xff; first++) {
      bytes[0] = first
      expect(await codeOf(() => lenient.open(bytes, context))).toBe('UNREADABLE_RECORD')
    }
  })

  it('are what writePlaintext writes, while sealed ones can be read', () => {
    const first = new RecordSealer({ keys: [k1], acceptPlaintext: true, writePlaintext: true })
    expect(first.seal(text, context)).toEqual(Buffer.from(text))
    expect(first.open(sealedBy(strict), context)).toBe(text)
    expect(first.needsReseal(Buffer.from(text))).toBe(false)
    expect(first.needsReseal(sealedBy(strict))).toBe(true)
  })

  it('become sealed ones, and plain again, without a process that cannot read them', () => {
    const first = new RecordSealer({ keys: [k1], acceptPlaintext: true, writePlaintext: true })
    // Steps are rolled out one after the other, so processes of two neighbouring ones write and read side by side; before
    // the last one, reseal() has left nothing plain.
    for (const pair of [
      [first, lenient],
      [lenient, strict],
    ]) {
      for (const reader of pair) {
        for (const writer of pair) expect(reader.open(sealedBy(writer), context)).toBe(text)
      }
    }
  })

  it('need resealing, and so do those under an old key', () => {
    const rotated = new RecordSealer({ keys: [k2, k1], acceptPlaintext: true })
    expect(rotated.needsReseal(Buffer.from(text))).toBe(true)
    expect(rotated.needsReseal(sealedBy(strict))).toBe(true)
    expect(rotated.needsReseal(sealedBy(rotated))).toBe(false)
  })
})

describe('with custom sealing', () => {
  const turned = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => byte ^ 0x55)
  const kms: Sealing = {
    seal: async (bytes) => turned(bytes),
    open: async (bytes) => turned(bytes),
  }

  it('seals and opens by promise', async () => {
    const sealer = new RecordSealer(kms)
    const bytes = await sealer.seal(text, context)
    expect(isSealed(bytes)).toBe(true)
    expect(sealer.needsReseal(bytes)).toBe(false)
    expect(sealer.usage()).toEqual([])
    expect(await sealer.open(bytes, context)).toBe(text)
  })

  it('asks open once for bytes that it remembers, and each time with memoBytes 0', async () => {
    for (const [memoBytes, expected] of [
      [undefined, 1],
      [0, 3],
    ] as const) {
      let calls = 0
      const open: Sealing['open'] = (bytes) => {
        calls++
        return turned(bytes)
      }
      const sealer = new RecordSealer({ seal: kms.seal, open, memoBytes })
      const bytes = await sealer.seal(text, context)
      for (let i = 0; i < 3; i++) expect(await sealer.open(bytes, context)).toBe(text)
      expect(calls).toBe(expected)
    }
  })

  it('is not fooled by an open that returns something else', async () => {
    const sealer = new RecordSealer({
      ...kms,
      open: async () => Buffer.from('not what was sealed'),
    })
    const bytes = await sealer.seal(text, context)
    expect(await codeOf(() => sealer.open(bytes, context))).toBe('UNREADABLE_RECORD')
  })
})

describe('encryption options', () => {
  it.each([
    [undefined, 'encryption must be an object'],
    [null, 'encryption must be an object'],
    ['a key', 'encryption must be an object'],
    [{}, 'encryption takes either keys, or the functions seal and open'],
    [{ seal: () => {} }, 'encryption takes either keys, or the functions seal and open'],
    [{ seal: 1, open: 2 }, 'encryption takes either keys, or the functions seal and open'],
    [{ keys: [k1], seal: () => {}, open: () => {} }, 'encryption takes either keys'],
    [{ keys: [] }, 'encryption.keys must be an array'],
    [{ keys: [k1], acceptPlaintext: 'yes' }, 'encryption.acceptPlaintext must be true or false'],
    [{ keys: [k1], writePlaintext: 1 }, 'encryption.writePlaintext must be true or false'],
    [
      { keys: [k1], writePlaintext: true },
      'encryption.writePlaintext needs encryption.acceptPlaintext',
    ],
    [{ keys: [k1], memoBytes: -1 }, 'encryption.memoBytes must be a whole number'],
    [{ keys: [k1], memoBytes: 1.5 }, 'encryption.memoBytes must be a whole number'],
    [{ keys: [k1], memoBytes: '8' }, 'encryption.memoBytes must be a whole number'],
  ])('that are wrong are refused by name (%#)', (options, message) => {
    const construct = (): unknown => new RecordSealer(options as EncryptionOptions)
    expect(construct).toThrow(TypeError)
    expect(construct).toThrow(message)
  })

  it('may be undefined where they may be left out', () => {
    const options = {
      keys: [k1],
      seal: undefined,
      acceptPlaintext: undefined,
      memoBytes: undefined,
    }
    expect(() => new RecordSealer(options)).not.toThrow()
  })

  it('take custom functions from the prototype of a class', async () => {
    class Kms implements Sealing {
      region = 'a field that is no option'
      seal(bytes: Buffer): Buffer {
        return bytes
      }
      open(bytes: Buffer): Buffer {
        return bytes
      }
    }
    const sealer = new RecordSealer(new Kms())
    expect(await sealer.open(await sealer.seal(text, context), context)).toBe(text)
  })
})
