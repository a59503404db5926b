import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AccessToken } from '../../../src/leaves/contract.js'
import {
  accessTokenLifetime,
  expiresAtAfter,
  expiresAtMs,
  expiresIn,
  isExpired,
  type RecordTtls,
} from '../../../src/record/lifetime.js'

const NOW = Date.UTC(2026, 0, 1)
const HOUR_MS = 3_600_000
const TTLS: RecordTtls = {
  accessTokenTtl: 24 * HOUR_MS,
  refreshTokenTtl: 720 * HOUR_MS,
  pkceTtl: 600_000,
}

function token(members: Partial<AccessToken> = {}): AccessToken {
  return { accessToken: 'access', resourceUrl: '', ...members }
}

/** Moments that an access token may name: 2001 to 33658. */
const moment = fc.integer({ min: 1e12, max: 1e15 - 1 })

describe('expiresAtMs', () => {
  it('understands seconds and milliseconds alike', () => {
    fc.assert(
      fc.property(moment, (ms) => {
        const seconds = Math.floor(ms / 1_000)
        expect(expiresAtMs(token({ expiresAt: ms }))).toBe(ms)
        expect(expiresAtMs(token({ expiresAt: seconds }))).toBe(seconds * 1_000)
      }),
    )
  })

  it.each([
    ['the first second', 1, 1_000],
    ['the end of the year 9999 in seconds', 253_402_300_799, 253_402_300_799_000],
    ['the end of the year 9999 in milliseconds', 253_402_300_799_000, 253_402_300_799_000],
    ['the last second that is one', 1e12 - 1, 1e15 - 1_000],
    ['the first millisecond that is one', 1e12, 1e12],
    ['less than a millisecond', 0.0005, 0],
    ['less than a millisecond before 1970', -0.0005, -1],
    ['a millisecond and a half', 1_767_225_600_000.5, 1_767_225_600_000],
    ['half a second', 1_767_225_600.5, 1_767_225_600_500],
    ['what no Date can name', Number.MAX_VALUE, 8.64e15],
  ])('takes %s', (_what, expiresAt, ms) => {
    expect(expiresAtMs(token({ expiresAt }))).toBe(ms)
  })

  it('is undefined where the record does not say', () => {
    expect(expiresAtMs(token())).toBeUndefined()
    expect(expiresAtMs(token({ expiresAt: null as never }))).toBeUndefined()
    expect(expiresAtMs(token({ expiresAt: 0 }))).toBeUndefined()
  })
})

describe('isExpired', () => {
  it('is so from the very millisecond on', () => {
    expect(isExpired(token({ expiresAt: NOW }), NOW - 1)).toBe(false)
    expect(isExpired(token({ expiresAt: NOW }), NOW)).toBe(true)
    expect(isExpired(token({ expiresAt: NOW / 1_000 }), NOW - 1)).toBe(false)
    expect(isExpired(token({ expiresAt: NOW / 1_000 }), NOW)).toBe(true)
  })

  it('is never so without expiry', () => {
    expect(isExpired(token(), Number.MAX_SAFE_INTEGER)).toBe(false)
  })
})

describe('expiresAtAfter', () => {
  it.each<[string, Partial<AccessToken>, number]>([
    ['seconds', { expiresAt: 1_767_225_600 }, NOW / 1_000],
    ['milliseconds', { expiresAt: 1_767_225_600_000 }, NOW + 999],
    ['seconds, where there was none', {}, NOW / 1_000],
    ['seconds, where 0 stood for none', { expiresAt: 0 }, NOW / 1_000],
  ])('is in %s as before', (_what, members, expiresAt) => {
    expect(expiresAtAfter(0, NOW + 999, token(members))).toBe(expiresAt)
  })

  it.each<[unknown, number | undefined]>([
    [3_600, (NOW + HOUR_MS) / 1_000],
    ['3600', (NOW + HOUR_MS) / 1_000],
    [undefined, undefined],
    [null, undefined],
    ['soon', undefined],
    [-1e12, NOW / 1_000],
    [Number.POSITIVE_INFINITY, undefined],
  ])('after an expires_in of %j is %j', (seconds, expiresAt) => {
    expect(expiresAtAfter(seconds, NOW)).toBe(expiresAt)
  })
})

describe('expiresIn', () => {
  it.each<[Partial<AccessToken>, number | undefined]>([
    [{}, undefined],
    [{ expiresAt: NOW + 1_999 }, 1],
    [{ expiresAt: NOW - 1 }, 0],
  ])('of %j is %j', (members, seconds) => {
    expect(expiresIn(token(members), NOW)).toBe(seconds)
  })
})

describe('accessTokenLifetime', () => {
  it.each<[string, Partial<AccessToken>, unknown]>([
    ['neither: accessTokenTtl', {}, { ttlMs: 24 * HOUR_MS }],
    ['an expiry: that time', { expiresAt: NOW + HOUR_MS }, { expiresAt: NOW + HOUR_MS }],
    ['0 for no expiry: accessTokenTtl', { expiresAt: 0 }, { ttlMs: 24 * HOUR_MS }],
    ['an expiry that is past: that time', { expiresAt: NOW - 1 }, { expiresAt: NOW - 1 }],
    ['a refresh token: refreshTokenTtl', { refreshToken: 'r' }, { ttlMs: 720 * HOUR_MS }],
    [
      'both, expired: refreshTokenTtl',
      { refreshToken: 'r', expiresAt: NOW - HOUR_MS },
      { ttlMs: 720 * HOUR_MS },
    ],
    [
      'both, expiring later than refreshTokenTtl: until then',
      { refreshToken: 'r', expiresAt: NOW + 1_000 * HOUR_MS },
      { ttlMs: 1_000 * HOUR_MS },
    ],
    ['an empty refresh token: as without', { refreshToken: '' }, { ttlMs: 24 * HOUR_MS }],
  ])('of a record with %s', (_what, members, lifetime) => {
    expect(accessTokenLifetime(token(members), TTLS, NOW)).toEqual(lifetime)
  })

  it('is whole milliseconds that Redis takes, whatever the expiry', () => {
    // What Redis adds to its own time without overflow.
    const farthest = 9e18
    const expiresAt = fc.double({ noNaN: true, noDefaultInfinity: true })
    fc.assert(
      fc.property(expiresAt, (time) => {
        const members = { refreshToken: 'r', expiresAt: time }
        const lifetime = accessTokenLifetime(token(members), TTLS, NOW)
        const ttlMs = lifetime !== undefined && 'ttlMs' in lifetime ? lifetime.ttlMs : Number.NaN
        expect(Number.isInteger(ttlMs)).toBe(true)
        expect(ttlMs).toBeGreaterThanOrEqual(TTLS.refreshTokenTtl)
        expect(ttlMs + NOW).toBeLessThan(farthest)
      }),
    )
  })
})
