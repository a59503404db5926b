import type { AccessToken, OAuthDb } from '../leaves/contract.js'
import { clockPasses, expectOneOf, expectRecord, withShortLife } from './expectation.js'
import { accessToken, inSeconds, structuredCopy } from './records.js'
import type { Rule } from './rule.js'

const URL = 'https://server.example/mcp'
const HOUR_MS = 3_600_000
const SAVES = 100
const RACES = 20

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

/**
 * Lets reads of expired records meet saves of new ones, and throws if a new one is lost. Databases differ in when they drop
 * a record: a while after it was saved as expired, at its end, or when the second of its end is over.
 */
async function raceExpiry(id: string, reader: OAuthDb, saver: OAuthDb): Promise<void> {
  const save = (label: string, ends: readonly number[]) =>
    Promise.all(
      racesOf(`${id}-${label}`, ends).map(async (race) => {
        await saver.saveAccessToken(id, race.url, race.expired)
        return race
      }),
    )
  const anHourAgo = Date.now() - HOUR_MS
  await race(id, reader, saver, await save('past', [anHourAgo, inSeconds(anHourAgo)]))
  const { result, expiresAtMs } = await withShortLife((expiresAt) =>
    Promise.all([save('at', [expiresAt]), save('after', [expiresAt])]),
  )
  const [atItsEnd, aSecondAfter] = result
  await clockPasses(expiresAtMs)
  await race(id, reader, saver, atItsEnd)
  await clockPasses(expiresAtMs + 1_000)
  await race(id, reader, saver, aSecondAfter)
}

interface Race {
  url: string
  expired: AccessToken
  renewed: AccessToken
}

function racesOf(id: string, ends: readonly number[]): Race[] {
  return Array.from({ length: RACES }, (_, i) => {
    const expiresAt = ends[i % ends.length]
    const expired = accessToken(`${id}-${i}-old`, expiresAt === undefined ? {} : { expiresAt })
    const isRenewable = Math.floor(i / ends.length) % 2 === 1
    return {
      url: `${URL}/${id}/${i}`,
      expired: isRenewable ? { ...expired, refreshToken: `refresh-${id}-${i}-old` } : expired,
      renewed: accessToken(`${id}-${i}-new`, { refreshToken: `refresh-${id}-${i}-new` }),
    }
  })
}

async function race(
  user: string,
  reader: OAuthDb,
  saver: OAuthDb,
  races: readonly Race[],
): Promise<void> {
  await Promise.all(
    races.flatMap(({ url, renewed }) => [
      reader.getAccessToken(user, url),
      saver.saveAccessToken(user, url, structuredCopy(renewed)),
      reader.getAccessToken(user, url),
    ]),
  )
  for (const { url, renewed } of races) {
    expectRecord('getAccessToken', await saver.getAccessToken(user, url), renewed)
  }
}
