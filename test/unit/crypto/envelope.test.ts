import { execFileSync, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { compact, restore } from '../../../src/crypto/compaction.js'
import { Envelope } from '../../../src/crypto/envelope.js'
import { createKeyring, type EncryptionKey } from '../../../src/crypto/keyring.js'

const k1: EncryptionKey = { id: 'k1', key: randomBytes(32) }
const k2: EncryptionKey = { id: 'k2', key: randomBytes(32) }
const context = { kind: 'access', redisKey: 'atxp:oauth:~access:{user}:https://a.example' }
const plaintext = Buffer.from('{"accessToken":"of the user"}')

const envelopeOf = (...keys: EncryptionKey[]): Envelope => new Envelope(createKeyring(keys))
const envelope = envelopeOf(k1)
const sealed = envelope.seal(plaintext, context)

/** What a failure looks like from outside, all of it. */
const failureOf = (work: () => unknown): object => {
  try {
    work()
  } catch (error) {
    const { name, message, code, cause } = error as Error & { code?: unknown; cause?: unknown }
    return { name, message, code, cause }
  }
  throw new Error('opened what must not open')
}
const unreadable = failureOf(() => envelope.open(Buffer.from('plain'), context))

describe('an envelope', () => {
  it('opens to what was sealed, for any bytes, kind and key', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.string(),
        fc.string({ unit: 'grapheme' }),
        (bytes, kind, redisKey) => {
          const opened = envelope.open(envelope.seal(Buffer.from(bytes), { kind, redisKey }), {
            kind,
            redisKey,
          })
          expect(opened.equals(bytes)).toBe(true)
        },
      ),
    )
  })

  it('has version, key id and nonce in the clear, and 28 bytes for nonce and tag', () => {
    expect(sealed.subarray(0, 5)).toEqual(Buffer.from('\xfa\x01\x02k1', 'latin1'))
    expect(sealed.length).toBe(5 + 12 + plaintext.length + 16)
  })

  it('begins as no UTF-8 text does', () => {
    expect(() => new TextDecoder('utf8', { fatal: true }).decode(sealed.subarray(0, 1))).toThrow()
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (text) => {
        expect(Buffer.from(text)[0]).not.toBe(sealed[0])
      }),
    )
  })

  it('is another one each time', () => {
    expect(envelope.seal(plaintext, context).equals(sealed)).toBe(false)
  })

  it('counts towards the key that sealed it', () => {
    const keyring = createKeyring([k1, k2])
    const counted = new Envelope(keyring)
    counted.open(counted.seal(plaintext, context), context)
    counted.seal(plaintext, context)
    expect(keyring.usage().map(({ sealed }) => sealed)).toEqual([2, 0])
  })
})

describe('a fleet that changes from one key to another', () => {
  it('reads everything at each step, whichever step its writers are at', () => {
    const steps = [[k1], [k1, k2], [k2, k1], [k2]].map((keys) => envelopeOf(...keys))
    for (let step = 1; step < steps.length; step++) {
      // While a step is rolled out, processes of two neighbouring steps run side by side.
      for (const writer of [steps[step - 1], steps[step]] as Envelope[]) {
        for (const reader of [steps[step - 1], steps[step]] as Envelope[]) {
          expect(reader.open(writer.seal(plaintext, context), context)).toEqual(plaintext)
        }
      }
    }
  })

  it('knows what is not under the active key', () => {
    const rotated = envelopeOf(k2, k1)
    expect(rotated.isCurrent(sealed)).toBe(false)
    expect(rotated.isCurrent(rotated.seal(plaintext, context))).toBe(true)
    expect(rotated.isCurrent(plaintext)).toBe(false)
    expect(envelopeOf(k2).isCurrent(sealed)).toBe(false)
  })

  it('tells ids apart of which one begins with the other', () => {
    const long: EncryptionKey = { id: 'k11', key: randomBytes(32) }
    const both = envelopeOf(k1, long)
    expect(both.open(envelopeOf(long).seal(plaintext, context), context)).toEqual(plaintext)
    expect(both.open(sealed, context)).toEqual(plaintext)
  })
})

describe('what cannot be opened is UNREADABLE_RECORD, with one message and no cause', () => {
  const refused = (bytes: Uint8Array, other = context, by = envelope): void => {
    expect(failureOf(() => by.open(Buffer.from(bytes), other))).toEqual(unreadable)
  }

  it('has the code', () => {
    expect(unreadable).toMatchObject({ name: 'RedisOAuthDatabaseError', code: 'UNREADABLE_RECORD' })
    expect(unreadable).toHaveProperty('cause', undefined)
  })

  it('under an unknown key id', () => refused(sealed, context, envelopeOf(k2)))

  it('under another key of the same id', () =>
    refused(sealed, context, envelopeOf({ id: 'k1', key: randomBytes(32) })))

  it('under the id of another key in the ring', () => {
    const renamed = Buffer.from(sealed)
    renamed.write('k2', 3)
    refused(renamed, context, envelopeOf(k1, k2))
  })

  it('in another version', () => {
    const later = Buffer.from(sealed)
    later[1] = 2
    refused(later)
  })

  it('in the place of another record, or as another kind', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string(), (redisKey, kind) => {
        fc.pre(redisKey !== context.redisKey || kind !== context.kind)
        refused(sealed, { kind, redisKey })
      }),
    )
  })

  it('where kind and key are divided at another place', () => {
    const parts = { kind: 'ab', redisKey: 'c' }
    refused(envelope.seal(plaintext, parts), { kind: 'a', redisKey: 'bc' })
    refused(envelope.seal(plaintext, { kind: '', redisKey: '3:abc' }), {
      kind: 'abc',
      redisKey: '',
    })
  })

  it('with any bit turned', () => {
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const altered = Buffer.from(sealed)
      altered.writeUInt8(altered.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
      refused(altered)
    }
  })

  it('cut anywhere, at either end', () => {
    for (let length = 0; length < sealed.length; length++) {
      refused(sealed.subarray(0, length))
      refused(sealed.subarray(sealed.length - length))
    }
  })

  it('with bytes put in, taken out or exchanged with those of another envelope', () => {
    const other = envelope.seal(Buffer.from(plaintext).reverse(), context)
    fc.assert(
      fc.property(
        fc.nat(sealed.length),
        fc.nat(sealed.length),
        fc.uint8Array(),
        (a, b, inserted) => {
          const spliced = [
            Buffer.concat([sealed.subarray(0, a), inserted, sealed.subarray(b)]),
            Buffer.concat([sealed.subarray(0, a), other.subarray(a)]),
            Buffer.concat([sealed.subarray(0, a), other.subarray(a, b), sealed.subarray(b)]),
          ]
          for (const bytes of spliced) {
            if (!bytes.equals(sealed) && !bytes.equals(other)) refused(bytes)
          }
        },
      ),
      { numRuns: 500 },
    )
  })

  it('made of random bytes, behind a right beginning or none', () => {
    const start = fc.constantFrom(0, 1, 2, 3, 5).map((length) => sealed.subarray(0, length))
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 100 }), (header, rest) => {
        refused(Buffer.concat([header, rest]))
      }),
      { numRuns: 1000 },
    )
  })
})

interface Vector extends Record<'name' | 'key' | 'id' | 'kind' | 'redisKey' | 'text', string> {
  plaintext: string
  sealed: string
}

const vectorFolder = new URL('../../vectors/', import.meta.url)
const vectors: Vector[] = JSON.parse(readFileSync(new URL('envelope.json', vectorFolder), 'utf8'))

describe.each(vectors)('the vector of $name', (vector) => {
  const ring = envelopeOf({ id: vector.id, key: vector.key })
  const place = { kind: vector.kind, redisKey: vector.redisKey }

  it('opens to its text', () => {
    const opened = ring.open(Buffer.from(vector.sealed, 'hex'), place)
    expect(opened.toString('hex')).toBe(vector.plaintext)
    expect(restore(opened)).toBe(vector.text)
  })

  it('is what compaction makes of its text', () => {
    expect(compact(vector.text).toString('hex')).toBe(vector.plaintext)
  })
})

test('the page of the format shows the first vector', () => {
  const page = readFileSync(new URL('README.md', vectorFolder), 'utf8')
  const lines = /^fa 01 [\s\S]*?(?=^```)/m.exec(page)?.[0] ?? ''
  const hex = lines.replace(/ {4,}.*$/gm, '').replace(/\s/g, '')
  expect(hex).toBe(vectors[0]?.sealed)
  expect(page).toContain(`\`${vectors[0]?.key}\``)
})

/** Python's standard library only, so nothing but an interpreter is needed; where CI runs, there is one. */
const hasPython = process.env.CI !== undefined || spawnSync('python3', ['--version']).status === 0

describe.skipIf(!hasPython)('the second implementation, in Python', () => {
  const script = fileURLToPath(new URL('envelope.py', vectorFolder))
  const python = (command: string, input: unknown): unknown =>
    JSON.parse(
      execFileSync('python3', [script, command], { input: JSON.stringify(input) }).toString(),
    )

  it('opens what this one seals', () => {
    const texts = fc.sample(fc.string({ unit: 'grapheme', maxLength: 200 }), 20)
    const cases = [...texts, ...vectors.map(({ text }) => text)].map((text, index) => {
      const key = randomBytes(32)
      const id = `key-${index}`
      const redisKey = `atxp:oauth:${index}:ж`
      const sealed = envelopeOf({ id, key }).seal(compact(text), { kind: 'token', redisKey })
      return {
        text,
        key: key.toString('hex'),
        id,
        kind: 'token',
        redisKey,
        sealed: sealed.toString('hex'),
      }
    })
    expect(python('open', cases)).toEqual(cases.map(({ text }) => text))
  })

  it('opens the vectors', () => {
    expect(python('open', vectors)).toEqual(vectors.map(({ text }) => text))
  })
})
