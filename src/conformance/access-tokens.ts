import type { AccessToken, OAuthDb } from '../leaves/contract.js'
import { expectPairsApart } from './awkward-names.js'
import {
  clockPasses,
  ENDS_WITHIN_MS,
  expectNull,
  expectNullSoon,
  expectRecord,
  withShortLife,
} from './expectation.js'
import { accessToken, inSeconds, structuredCopy, withUnknownMembers } from './records.js'
import type { Rule } from './rule.js'

const URL = 'https://server.example/mcp'
const HOUR_MS = 3_600_000

const UNITS = 'expiresAt is documented in seconds, and @atxp/client 0.2.22 writes milliseconds'
const REFRESH =
  'RFC 6749 section 6: a refresh token gets a new access token, so it outlives the access token'

export const ACCESS_TOKEN_RULES: readonly Rule[] = [
  {
    name: 'returns null for a URL without an access token',
    source: 'the SDK then asks for the URL one path segment up, and authorizes in the end',
    async check(db, { id }) {
      expectNull('getAccessToken', await db.getAccessToken(id, URL))
    },
  },
  {
    name: 'returns an access token as it was saved, unknown members included',
    source: 'RFC 6749 section 5.1: the server may return members that the client does not know',
    async check(db, { id }) {
      const token = accessToken(id, { refreshToken: `refresh-${id}` })
      await expectRoundTrip(db, id, withUnknownMembers(token))
    },
  },
  {
    name: 'returns an access token however often it is read',
    source: 'the SDK reads it once a request, in every process',
    async check(db, { id }) {
      const saved = accessToken(id)
      await db.saveAccessToken(id, URL, structuredCopy(saved))
      for (let read = 1; read <= 3; read += 1) {
        expectRecord(`getAccessToken, time ${read}`, await db.getAccessToken(id, URL), saved)
      }
    },
  },
  {
    name: 'returns an access token without expiry',
    source: 'RFC 6749 section 5.1: expires_in may be left out',
    check: (db, { id }) => expectRoundTrip(db, id, accessToken(id)),
  },
  {
    name: 'returns an access token whose expiry in seconds is to come, and the expiry unchanged',
    source: UNITS,
    check: (db, { id }) =>
      expectRoundTrip(db, id, accessToken(id, { expiresAt: inSeconds(Date.now() + HOUR_MS) })),
  },
  {
    name: 'returns an access token whose expiry in milliseconds is to come, and the expiry unchanged',
    source: UNITS,
    check: (db, { id }) =>
      expectRoundTrip(db, id, accessToken(id, { expiresAt: Date.now() + HOUR_MS })),
  },
  {
    name: 'returns null for an access token whose expiry in seconds is past',
    source: UNITS,
    async check(db, { id }) {
      const saved = accessToken(id, { expiresAt: inSeconds(Date.now() - HOUR_MS) })
      await db.saveAccessToken(id, URL, saved)
      expectNull('getAccessToken', await db.getAccessToken(id, URL))
    },
  },
  {
    name: 'returns null for an access token whose expiry in milliseconds is past',
    source: UNITS,
    async check(db, { id }) {
      await db.saveAccessToken(id, URL, accessToken(id, { expiresAt: Date.now() - HOUR_MS }))
      expectNull('getAccessToken', await db.getAccessToken(id, URL))
    },
  },
  {
    name: 'returns an access token until it expires and null afterwards',
    source:
      'RFC 6749 section 1.4: an access token has a lifetime; one that cannot be renewed is of no use after it',
    async check(db, { id }) {
      const { result, expiresAtMs } = await withShortLife(async (expiresAt) => {
        const saved = accessToken(id, { expiresAt })
        await db.saveAccessToken(id, URL, structuredCopy(saved))
        return { saved, early: await db.getAccessToken(id, URL) }
      })
      expectRecord('getAccessToken, before', result.early, result.saved)
      await clockPasses(expiresAtMs)
      await expectNullSoon('getAccessToken', expiresAtMs, () => db.getAccessToken(id, URL))
    },
  },
  {
    name: 'returns an access token that was saved as expired when it has a refresh token',
    source: REFRESH,
    async check(db, { id }) {
      for (const expiresAt of [Date.now() - HOUR_MS, inSeconds(Date.now() - HOUR_MS)]) {
        await expectRoundTrip(db, id, accessToken(id, { refreshToken: `refresh-${id}`, expiresAt }))
      }
    },
  },
  {
    name: 'returns an access token that has expired since when it has a refresh token',
    source: REFRESH,
    async check(db, { id }) {
      const { result: saved, expiresAtMs } = await withShortLife(async (expiresAt) => {
        const token = accessToken(id, { refreshToken: `refresh-${id}`, expiresAt })
        await db.saveAccessToken(id, URL, structuredCopy(token))
        // Read once before, in case reading is what ends it.
        await db.getAccessToken(id, URL)
        return token
      })
      await clockPasses(expiresAtMs + ENDS_WITHIN_MS)
      expectRecord('getAccessToken', await db.getAccessToken(id, URL), saved)
      expectRecord('getAccessToken, a second time', await db.getAccessToken(id, URL), saved)
    },
  },
  {
    name: 'replaces an access token by a newer one, whole',
    source: 'RFC 6749 section 6: the server may rotate the refresh token, and the old one is spent',
    async check(db, { id }) {
      const old = accessToken(`${id}-old`, { refreshToken: `refresh-${id}-old` })
      await db.saveAccessToken(id, URL, withUnknownMembers(old))
      await expectRoundTrip(db, id, accessToken(`${id}-new`, { refreshToken: `refresh-${id}-new` }))
    },
  },
  {
    name: 'returns an access token that replaces an expired one, whose expiry it does not inherit',
    source: REFRESH,
    async check(db, { id }) {
      const saved = accessToken(`${id}-new`)
      const { expiresAtMs } = await withShortLife(async (expiresAt) => {
        await db.saveAccessToken(id, URL, accessToken(`${id}-old`, { expiresAt }))
        await db.saveAccessToken(id, URL, structuredCopy(saved))
      })
      await clockPasses(expiresAtMs + ENDS_WITHIN_MS)
      expectRecord('getAccessToken', await db.getAccessToken(id, URL), saved)
    },
  },
  {
    name: 'keeps the access tokens of different users and URLs apart',
    source:
      'RFC 6749 section 10.3: an access token is confidential; the ids of users contain colons',
    check: (db, { id }) =>
      expectPairsApart('getAccessToken', id, accessToken, {
        save: (user, url, token) => db.saveAccessToken(user, url, token),
        read: (user, url) => db.getAccessToken(user, url),
      }),
  },
]

async function expectRoundTrip(db: OAuthDb, id: string, saved: AccessToken): Promise<void> {
  await db.saveAccessToken(id, URL, structuredCopy(saved))
  expectRecord('getAccessToken', await db.getAccessToken(id, URL), saved)
}
