import { createSecretKey, randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createKeyring, MAX_SEALS_PER_KEY, parseKeys } from '../../../src/crypto/keyring.js'

const bytes = Buffer.from('00b4826a6c88be0e78fc9a522410163670c432ba5c18eedee80c4aa214a04606', 'hex')
const key = (): Buffer => randomBytes(32)

const exported = (keys: readonly unknown[]): string => {
  const secret = createKeyring(keys).active.secret
  return secret.export().toString('hex')
}

const errorOf = (work: () => unknown): Error => {
  try {
    work()
  } catch (error) {
    return error as Error
  }
  throw new Error('did not throw')
}

describe('a key', () => {
  it.each([
    ['a Buffer', bytes],
    ['a Uint8Array', new Uint8Array(bytes)],
    ['base64', bytes.toString('base64')],
    ['base64 without padding', bytes.toString('base64').replace('=', '')],
    ['base64url', bytes.toString('base64url')],
    ['hex', bytes.toString('hex')],
    ['hex in capitals', bytes.toString('hex').toUpperCase()],
    ['a KeyObject', createSecretKey(bytes)],
  ])('is taken as %s', (_form, value) => {
    expect(exported([{ id: 'a', key: value }])).toBe(bytes.toString('hex'))
  })

  it('is copied, so the caller may wipe the buffer', () => {
    const mine = Buffer.from(bytes)
    const keyring = createKeyring([{ id: 'a', key: mine }])
    expect(mine.equals(bytes)).toBe(true)
    mine.fill(0)
    expect(keyring.active.secret.export().equals(bytes)).toBe(true)
  })

  it.each([
    ['a passphrase', 'correct horse battery staple'],
    ['a passphrase of 32 characters', 'correct horse battery staple 123'],
    ['a passphrase of 32 characters as a Buffer', Buffer.from('correct horse battery staple 123')],
    ['a passphrase in base64', Buffer.from('correct horse battery staple 123').toString('base64')],
    ['31 bytes', randomBytes(31)],
    ['33 bytes', randomBytes(33)],
    ['16 bytes in hex', randomBytes(16).toString('hex')],
    ['64 bytes in base64', randomBytes(64).toString('base64')],
    ['base64 with bits to spare', `${'A'.repeat(42)}B=`],
    ['base64 with a line break', `${bytes.toString('base64')}\n`],
    ['an empty string', ''],
    ['a number', 42],
    ['null', null],
    ['nothing', undefined],
  ])('is refused as %s, with the command that makes one and without showing it', (_form, value) => {
    const error = errorOf(() =>
      createKeyring([
        { id: 'a', key: key() },
        { id: 'b', key: value },
      ]),
    )
    expect(error).toBeInstanceOf(TypeError)
    expect(error.message).toMatch(/^encryption\.keys\[1\]\.key must be 32 random bytes/)
    expect(error.message).toContain(
      `node -e "console.log(require('crypto').randomBytes(32).toString('base64'))"`,
    )
    if (typeof value === 'string' && value !== '') expect(error.message).not.toContain(value)
  })
})

describe('createKeyring', () => {
  it.each([undefined, null, {}, [], 'a:b'])('refuses %j for encryption.keys', (keys) => {
    expect(() => createKeyring(keys)).toThrow(/^encryption\.keys must be an array/)
  })

  it.each(['', 'a b', 'a:b', 'a,b', 'schlüssel', 'x'.repeat(33), 7, undefined])(
    'refuses the id %j',
    (id) => {
      const error = errorOf(() => createKeyring([{ id, key: key() }]))
      expect(error).toBeInstanceOf(TypeError)
      expect(error.message).toMatch(/^encryption\.keys\[0\]\.id must be 1 to 32 characters/)
    },
  )

  it.each([null, undefined, 'id:key', 1])('refuses %j for an entry', (entry) => {
    expect(() => createKeyring([entry])).toThrow(/^encryption\.keys\[0\]\.id /)
  })

  it('refuses the same id twice', () => {
    const keys = [
      { id: 'a', key: key() },
      { id: 'b', key: key() },
      { id: 'a', key: key() },
    ]
    expect(() => createKeyring(keys)).toThrow(
      /^encryption\.keys\[2\]\.id must differ from that of encryption\.keys\[0\]$/,
    )
  })

  it('refuses the same key under two ids, in whatever form', () => {
    const keys = [
      { id: 'a', key: bytes },
      { id: 'b', key: bytes.toString('hex') },
    ]
    expect(() => createKeyring(keys)).toThrow(/^encryption\.keys\[1\]\.key must differ/)
  })

  it('shows no key when it is inspected, logged or serialised', () => {
    const keyring = createKeyring([{ id: 'a', key: bytes }])
    const fromText = parseKeys(`a:${bytes.toString('base64')}`)
    for (const value of [keyring, keyring.active, fromText]) {
      const shown = inspect(value, { depth: null, showHidden: true }) + JSON.stringify(value)
      expect(shown).not.toMatch(/00b4826a|ALSCamyI|<Buffer 00 b4|0, *180, *130/i)
    }
  })
})

describe('parseKeys', () => {
  it('reads ids and keys in order', () => {
    const other = key()
    const keys = parseKeys(` new:${other.toString('base64')} , old:${bytes.toString('hex')}\n`)
    expect(keys.map(({ id }) => id)).toEqual(['new', 'old'])
    expect(exported(keys)).toBe(other.toString('hex'))
    expect(exported(keys.slice(1))).toBe(bytes.toString('hex'))
  })

  const secret = bytes.toString('base64')
  it.each([
    ['nothing', '', 'entry 1 must be id:key'],
    ['a key without id', secret, 'entry 1 must be id:key'],
    ['a comma at the end', `a:${secret},`, 'entry 2 must be id:key'],
    ['key and id in the wrong order', `${secret}:a`, 'entry 1.id must be'],
    ['a passphrase', 'a:correct horse', 'entry 1.key must be 32 random bytes'],
    ['an id twice', `a:${secret},a:${key().toString('hex')}`, 'entry 2.id must differ'],
  ])('refuses %s by the name of the variable, never its value', (_what, text, message) => {
    const error = errorOf(() => parseKeys(text))
    expect(error).toBeInstanceOf(TypeError)
    expect(error.message.startsWith(`ATXP_REDIS_ENCRYPTION_KEYS: ${message}`)).toBe(true)
    expect(error.message).not.toContain(secret)
    expect(error.message).not.toContain('horse')
  })
})

describe('the count of sealed records', () => {
  afterEach(() => vi.restoreAllMocks())

  it('is of the key that was used, with the bound of SP 800-38D', () => {
    const keyring = createKeyring([
      { id: 'new', key: key() },
      { id: 'old', key: key() },
    ])
    for (let i = 0; i < 3; i++) keyring.active.countSeal()
    expect(keyring.usage()).toEqual([
      { id: 'new', sealed: 3, maxSeals: 4_294_967_296 },
      { id: 'old', sealed: 0, maxSeals: MAX_SEALS_PER_KEY },
    ])
  })

  it('warns at half of the bound and at the bound, and goes on', () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const { active } = createKeyring([{ id: 'a', key: bytes }], 8)
    const warnedAt: number[] = []
    for (let i = 1; i <= 20; i++) {
      active.countSeal()
      if (warn.mock.calls.length > warnedAt.length) warnedAt.push(i)
    }
    expect(warnedAt).toEqual([4, 8])
    expect(warn.mock.calls[0]?.[0]).toContain('"a"')
    expect(warn.mock.calls[0]?.[1]).toMatchObject({ code: 'ATXP_REDIS_KEY_USE' })
  })
})
