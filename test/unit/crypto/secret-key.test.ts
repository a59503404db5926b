import { createSecretKey, randomBytes } from 'node:crypto'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { readSecretKey } from '../../../src/crypto/secret-key.js'

const PHRASE = 'correct horse battery staple 123'
const ADVICE = /^name must be 32 random bytes, not a passphrase: .*randomBytes\(32\)/

/** A passphrase filled up to 32 bytes, as people do who are told that their key is too short. */
function padded(text: string, padding: number | Buffer): Buffer {
  const bytes = Buffer.from(text)
  return Buffer.concat([bytes, Buffer.alloc(32 - bytes.length, padding)])
}

function utf16be(text: string): Buffer {
  return Buffer.from(text, 'utf16le').swap16()
}

describe('is refused as a key, however it is spelled:', () => {
  it.each([
    ['a passphrase', Buffer.from(PHRASE)],
    ['31 characters and a line feed', Buffer.from(`${PHRASE.slice(1)}\n`)],
    ['lines and tabs', Buffer.from('correct\thorse\r\nbattery\vstaple 12\n')],
    ['a passphrase filled up with zeros', padded('correct horse battery', 0)],
    [
      'a passphrase with zeros before it',
      Buffer.concat([Buffer.alloc(4), Buffer.from(PHRASE.slice(4))]),
    ],
    ['a passphrase filled up as PKCS #7 does', padded('correct horse battery stap', 6)],
    ['a passphrase filled up with 0xff', padded('correct horse battery staple', 0xff)],
    ['a passphrase in UTF-16', Buffer.from('0123456789abcdef', 'utf16le')],
    ['a passphrase in UTF-16, the other way round', utf16be('0123456789abcdef')],
    ['a passphrase beyond ASCII', Buffer.from('абвгдежзийклмноп')],
    ['a passphrase beyond ASCII in UTF-16', Buffer.from('абвгдежзийклмноп', 'utf16le')],
    ['hexadecimal digits', Buffer.from(randomBytes(16).toString('hex'))],
    ['32 zero bytes', Buffer.alloc(32)],
    ['one byte 32 times', Buffer.alloc(32, 0xab)],
    ['8 bytes four times', Buffer.alloc(32, Buffer.from('9f8e7d6c5b4a3928', 'hex'))],
    ['15 different bytes', Buffer.alloc(32, Buffer.from('9f8e7d6c5b4a3928f1e2d3c4b5a697', 'hex'))],
  ])('%s', (_name, bytes) => {
    const key = bytes.subarray(0, 32)
    expect(key).toHaveLength(32)
    const spellings = [
      key,
      key.toString('hex'),
      key.toString('base64'),
      key.toString('base64url'),
      createSecretKey(key),
    ]
    for (const spelling of spellings) {
      expect(() => readSecretKey(spelling, 'name')).toThrow(ADVICE)
    }
  })
})

it('20000 random keys are accepted', () => {
  for (let i = 0; i < 20_000; i += 1) {
    expect(readSecretKey(randomBytes(32), 'name').symmetricKeySize).toBe(32)
  }
})

it('a Uint8Array of another realm is accepted, as in the sandbox of a test runner', () => {
  const bytes = randomBytes(32)
  const foreign = runInNewContext('Uint8Array.from(bytes)', { bytes: [...bytes] })
  expect(foreign).not.toBeInstanceOf(Uint8Array)
  expect(readSecretKey(foreign, 'name').export()).toEqual(bytes)
})
