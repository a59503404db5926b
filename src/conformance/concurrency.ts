import type { OAuthDb } from '../contract.js'
import { clockPasses, expectOneOf, expectRecord } from './expectation.js'
import { accessToken, inSeconds, structuredCopy } from './records.js'
import type { Rule } from './rule.js'

const URL = 'https://server.example/mcp'
const HOUR_MS = 3_600_000
const SAVES = 100
const RACES = 40
// Time to save records that are still valid, so that a database which drops expired ones holds them.
const RACE_BEGINS_AFTER_MS = 150

export const CONCURRENCY_RULES: readonly Rule[] = [
  {
    name: 'a read returns what a save that was called just before it has saved, awaited or not',
    source: 'for pass-through accounts the SDK saves without awaiting, and reads at once',
    async check(db, { id }) {
      const saved = accessToken(id)
      const saving = db.saveAccessToken(id, URL, structuredCopy(saved))
      const reading = db.getAccessToken(id, URL)
      await saving
      expectRecord('getAccessToken', await reading, saved)
    },
  },
  {
    name: 'keeps every one of many concurrent saves',
    source: 'the SDK serves many users and URLs at a time',
    async check(db, { id, open }) {
      const peer = await open()
      const records = Array.from({ length: SAVES }, (_, i) => ({
        handle: i % 2 === 0 ? db : peer,
        user: `${id}-${i % 10}`,
        url: `${URL}/${i}`,
        saved: accessToken(`${id}-${i}`),
      }))
      await Promise.all(
        records.map(({ handle, user, url, saved }) =>
          handle.saveAccessToken(user, url, structuredCopy(saved)),
        ),
      )
      for (const { handle, user, url, saved } of records) {
        expectRecord('getAccessToken', await handle.getAccessToken(user, url), saved)
      }
    },
  },
  {
    name: 'never returns a mixture of two concurrent saves',
    source: 'RFC 6749 section 6: access token and refresh token of an answer belong together',
    async check(db, { id, open }) {
      const peer = await open()
      const pairs = Array.from({ length: SAVES }, (_, i) =>
        accessToken(`${id}-${i}`, { refreshToken: `refresh-${id}-${i}` }),
      )
      const [first] = pairs
      if (first !== undefined) await db.saveAccessToken(id, URL, structuredCopy(first))
      const reads = pairs.map(async (pair, i) => {
        const saving = (i % 2 === 0 ? db : peer).saveAccessToken(id, URL, structuredCopy(pair))
        const read = await db.getAccessToken(id, URL)
        await saving
        return read
      })
      for (const read of await Promise.all(reads)) expectOneOf('getAccessToken', read, pairs)
      expectOneOf('getAccessToken, at last', await db.getAccessToken(id, URL), pairs)
    },
  },
  {
    name: 'a read of an expired access token does not remove the one that is saved meanwhile',
    source: 'RFC 6749 section 6: the refresh token of the lost record cannot be had again',
    async check(db, { id, open }) {
      const peer = await open()
      await Promise.all([raceExpiry(`${id}-one`, db, db), raceExpiry(`${id}-two`, db, peer)])
    },
  },
]

/** Lets reads of expired records meet saves of new ones, and throws if a new one is lost. */
async function raceExpiry(id: string, reader: OAuthDb, saver: OAuthDb): Promise<void> {
  const expiresAt = Date.now() + RACE_BEGINS_AFTER_MS
  const ends = [expiresAt, expiresAt - HOUR_MS, inSeconds(expiresAt - HOUR_MS)]
  const races = Array.from({ length: RACES }, (_, i) => {
    const expired = accessToken(`${id}-${i}-old`, { expiresAt: ends[i % ends.length] ?? expiresAt })
    return {
      url: `${URL}/${i}`,
      expired: i % 2 === 0 ? expired : { ...expired, refreshToken: `refresh-${id}-${i}-old` },
      renewed: accessToken(`${id}-${i}-new`, { refreshToken: `refresh-${id}-${i}-new` }),
    }
  })
  await Promise.all(races.map(({ url, expired }) => saver.saveAccessToken(id, url, expired)))
  await clockPasses(expiresAt)
  await Promise.all(
    races.flatMap(({ url, renewed }) => [
      reader.getAccessToken(id, url),
      saver.saveAccessToken(id, url, structuredCopy(renewed)),
      reader.getAccessToken(id, url),
    ]),
  )
  for (const { url, renewed } of races) {
    expectRecord('getAccessToken', await saver.getAccessToken(id, url), renewed)
  }
}
