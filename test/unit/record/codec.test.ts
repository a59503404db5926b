import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RedisOAuthDatabaseError } from '../../../src/leaves/errors.js'
import { decodeRecord, encodeRecord } from '../../../src/record/codec.js'
import { type JsonKind, KINDS } from '../../../src/record/kinds.js'

const RECORDS = {
  access: { accessToken: 's3cr3t', resourceUrl: '' },
  client: { clientId: 's3cr3t', clientSecret: 's3cr3t', redirectUri: '' },
  resource: { clientId: 's3cr3t', clientSecret: 's3cr3t', redirectUri: '' },
  mcp: { clientId: 's3cr3t', clientSecret: 's3cr3t', redirectUri: '' },
  pkce: { codeVerifier: 's3cr3t', codeChallenge: '', resourceUrl: '', url: '' },
} as const
const JSON_KINDS = Object.keys(RECORDS) as JsonKind[]

const member = fc.string().filter((name) => name !== 'expiresAt' && name !== '__proto__')
const unknownMembers = fc.dictionary(member, fc.jsonValue())

describe.each(JSON_KINDS)('%s', (kind) => {
  it('comes back as it went, with members that nobody knows', () => {
    fc.assert(
      fc.property(unknownMembers, (members) => {
        const record = { ...members, ...RECORDS[kind] }
        const text = encodeRecord(kind, 'record', record)
        // JSON has no negative zero.
        expect(decodeRecord(kind, text)).toEqual(JSON.parse(JSON.stringify(record)))
        expect(encodeRecord(kind, 'record', decodeRecord(kind, text))).toBe(text)
      }),
    )
  })

  it('is well-formed text, also where a value has a lone surrogate', () => {
    const record = { ...RECORDS[kind], note: 'a\ud800' }
    const text = encodeRecord(kind, 'record', record)
    expect(Buffer.from(text).toString()).toBe(text)
    expect(decodeRecord(kind, text)).toEqual(record)
  })

  it('that cannot be read is an error that does not quote it', () => {
    const damaged = fc.oneof(
      fc.string().map((text) => `${text}s3cr3t`),
      fc.jsonValue().map((value) => JSON.stringify({ other: 's3cr3t', value })),
      fc.nat(24).map((length) => JSON.stringify(RECORDS[kind]).slice(0, length)),
    )
    fc.assert(
      fc.property(damaged, (text) => {
        const error = thrownBy(() => decodeRecord(kind, text))
        expect(error).toBeInstanceOf(RedisOAuthDatabaseError)
        expect(error).toMatchObject({ code: 'UNREADABLE_RECORD' })
        expect((error as Error).cause).toBeUndefined()
        expect((error as Error).message).toContain(`the stored ${KINDS[kind].title} cannot be read`)
        expect((error as Error).message).not.toContain('s3cr3t')
      }),
    )
  })

  it.each(JSON_KINDS.filter((other) => KINDS[other].title !== KINDS[kind].title))(
    'is not taken for a record of %s',
    (other) => {
      const text = encodeRecord(kind, 'record', RECORDS[kind])
      expect(thrownBy(() => decodeRecord(other, text))).toMatchObject({ code: 'UNREADABLE_RECORD' })
    },
  )

  it.each([undefined, null, 7, 's3cr3t', ['s3cr3t'], {}, () => 's3cr3t'])(
    'is refused when it is %j',
    (record) => {
      const error = thrownBy(() => encodeRecord(kind, 'record', record as never))
      expect(error).toBeInstanceOf(TypeError)
      expect((error as Error).message).toMatch(/^record(\.\w+)? must be /)
      expect((error as Error).message).not.toContain('s3cr3t')
    },
  )
})

describe('expiresAt', () => {
  const record = RECORDS.access

  it.each([0, -1, 1_767_225_600, 1_767_225_600_000, 1.5])(
    'may be %j, and stays so',
    (expiresAt) => {
      const text = encodeRecord('access', 'token', { ...record, expiresAt })
      expect(decodeRecord('access', text)).toEqual({ ...record, expiresAt })
    },
  )

  it.each([Number.NaN, Number.POSITIVE_INFINITY, '1767225600', new Date(0), true])(
    'is refused when it is %j',
    (expiresAt) => {
      const encode = () =>
        encodeRecord('access', 'token', { ...record, expiresAt: expiresAt as never })
      expect(encode).toThrow(
        new TypeError(
          'token.expiresAt must be a finite number, in seconds or milliseconds, or left out',
        ),
      )
    },
  )
})

describe.each(['refreshToken', 'resourceUrl'])('%s', (member) => {
  it.each([123, true, {}, ['s3cr3t']])('is refused when it is %j, also in a record', (value) => {
    const record = { ...RECORDS.access, [member]: value }
    expect(() => encodeRecord('access', 'token', record)).toThrow(
      new TypeError(`token.${member} must be a string, or left out`),
    )
    expect(thrownBy(() => decodeRecord('access', JSON.stringify(record)))).toMatchObject({
      code: 'UNREADABLE_RECORD',
    })
  })

  it.each([undefined, null, ''])('may be %j, and stays so', (value) => {
    const record = { ...RECORDS.access, [member]: value }
    expect(decodeRecord('access', encodeRecord('access', 'token', record))).toEqual(record)
  })
})

function thrownBy(work: () => unknown): unknown {
  try {
    work()
  } catch (error) {
    return error
  }
  return undefined
}
