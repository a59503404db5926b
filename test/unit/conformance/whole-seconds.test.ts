import { describe, expect, it } from 'vitest'
import { oauthDbConformance } from '../../../src/conformance.js'
import type { AccessToken } from '../../../src/leaves/contract.js'
import { type DbClass, handlesOf, SoundDb } from '../../support/conformance/sound-db.js'

// Databases whose clock has no finer unit than a second, which is most of those that end records by themselves.

const SECOND_MS = 1_000
const TIMEOUT_MS = 15_000
const STARTS = [0, 100, 200, 300, 400, 500, 600, 700, 800, 900]
const TIMED = [
  'returns an access token until it expires and null afterwards',
  'returns an access token that has expired since when it has a refresh token',
  'returns an access token that replaces an expired one, whose expiry it does not inherit',
  'a read of an expired access token does not remove the one that is saved meanwhile',
]

/** Ends a record when the database says, and not when the token does. */
class Rounding extends SoundDb {
  endOf(expiresAtMs: number): number {
    return expiresAtMs
  }

  override async saveAccessToken(user: string, url: string, token: AccessToken): Promise<void> {
    const key = this.key('access', user, url)
    this.store.set(`end of ${key}`, String(this.endOf(this.expiresAtMs(token))))
    await super.saveAccessToken(user, url, token)
  }

  override async getAccessToken(user: string, url: string): Promise<AccessToken | null> {
    const key = this.key('access', user, url)
    const token = await this.read<AccessToken>(key)
    return this.isOver(key) && !token?.refreshToken ? null : token
  }

  protected isOver(key: string): boolean {
    return Number(this.store.get(`end of ${key}`)) <= Date.now()
  }
}

/** By a time to live, as `EXPIRE` takes it. */
function lifetimeRounded(round: (seconds: number) => number): typeof Rounding {
  return class extends Rounding {
    override endOf(expiresAtMs: number): number {
      const now = Date.now()
      return now + round((expiresAtMs - now) / SECOND_MS) * SECOND_MS
    }
  }
}

/** By a point in time, as SQL's `unixepoch()` is compared with. */
function expiryRounded(round: (seconds: number) => number): typeof Rounding {
  return class extends Rounding {
    override endOf(expiresAtMs: number): number {
      return round(expiresAtMs / SECOND_MS) * SECOND_MS
    }
  }
}

/** These may keep a record for longer than its expiry says. */
const LATE: Record<string, typeof Rounding> = {
  'a lifetime rounded up': lifetimeRounded(Math.ceil),
  'an expiry whose second counts as well': expiryRounded((seconds) => Math.floor(seconds) + 1),
}

const SOUND: Record<string, typeof Rounding> = {
  ...LATE,
  'a lifetime rounded down': lifetimeRounded(Math.floor),
  'a lifetime rounded to the nearest second': lifetimeRounded(Math.round),
  'an expiry rounded down': expiryRounded(Math.floor),
}

/** Each timed case, begun at ten moments of a second: how often it passes. */
async function passesOf(Db: DbClass, names: readonly string[]): Promise<Record<string, number>> {
  const passes = Object.fromEntries(names.map((name) => [name, 0]))
  const cases = oauthDbConformance(handlesOf(Db)).filter(({ name }) => names.includes(name))
  await Promise.all(
    cases.flatMap(({ name, run }) =>
      STARTS.map(async (start) => {
        await phaseBegins(start)
        await run().then(
          () => {
            passes[name] = (passes[name] ?? 0) + 1
          },
          () => undefined,
        )
      }),
    ),
  )
  return passes
}

/** Waits until the clock shows this many milliseconds of a second, or up to a tenth of a second more. */
async function phaseBegins(ms: number): Promise<void> {
  while (Math.floor((Date.now() % SECOND_MS) / 100) !== Math.floor(ms / 100)) {
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** The refresh token goes with the record. */
const dropping = (Db: typeof Rounding): DbClass =>
  class extends Db {
    override async getAccessToken(user: string, url: string): Promise<AccessToken | null> {
      const token = await super.getAccessToken(user, url)
      return this.isOver(this.key('access', user, url)) ? null : token
    }
  }

/** It judges to the millisecond, keeps records by the second, and deletes what it has found expired. */
const deleting = (Db: typeof Rounding): DbClass =>
  class extends Db {
    override async getAccessToken(user: string, url: string): Promise<AccessToken | null> {
      const key = this.key('access', user, url)
      const found = await this.read<AccessToken>(key)
      if (found === null || this.isOver(key)) return null
      if (this.expiresAtMs(found) > Date.now()) return found
      await new Promise((resolve) => setImmediate(resolve))
      this.store.delete(key)
      return null
    }
  }

const [UNTIL_IT_EXPIRES = '', HAS_EXPIRED_SINCE = '', , RACE = ''] = TIMED

describe.concurrent('whenever in a second a case begins', { timeout: TIMEOUT_MS }, () => {
  it.each(Object.entries(SOUND))('passes with %s', async (_name, Db) => {
    const always = Object.fromEntries(TIMED.map((name) => [name, STARTS.length]))
    expect(await passesOf(Db, TIMED)).toEqual(always)
  })

  it.each(Object.entries(SOUND))(
    'finds that a refresh token is dropped with %s',
    async (_name, Db) => {
      expect(await passesOf(dropping(Db), [HAS_EXPIRED_SINCE])).toEqual({ [HAS_EXPIRED_SINCE]: 0 })
    },
  )

  it.each(Object.entries(LATE))(
    'finds that what a peer has just replaced is deleted with %s',
    async (_name, Db) => {
      expect(await passesOf(deleting(Db), [RACE])).toEqual({ [RACE]: 0 })
    },
  )

  it.each([
    ['too early', expiryRounded((seconds) => Math.floor(seconds) - 2)],
    ['too late', expiryRounded((seconds) => Math.floor(seconds) + 2)],
  ])('finds that a record ends two seconds %s', async (_name, Db) => {
    expect(await passesOf(Db, [UNTIL_IT_EXPIRES])).toEqual({ [UNTIL_IT_EXPIRES]: 0 })
  })
})
