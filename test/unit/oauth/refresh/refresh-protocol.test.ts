import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ExpiredSession } from '../../../support/oauth/expired-session.js'
import { json } from '../../../support/oauth/strict-server.js'

/** Processes of a fleet, each with lines of calls that run at the same time, each line so many calls long. */
const fleet = fc.array(fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 3 }), {
  minLength: 1,
  maxLength: 4,
})

interface Course {
  rotates: boolean
  omits: boolean
  /** How many token requests meet a 503, from the first on. */
  failures: number
  /** At which step of the store the user is deleted. */
  deletedAt: number | null
}

const course: fc.Arbitrary<Course> = fc.record({
  rotates: fc.boolean(),
  omits: fc.boolean(),
  failures: fc.nat(2),
  deletedAt: fc.option(fc.nat(60)),
})

async function run(scheduler: fc.Scheduler, lines: number[][], { rotates, ...course }: Course) {
  const session = new ExpiredSession()
  const { store, server } = session
  server.rotates = rotates
  // Rests are over at once: what they put off is not to be waited for here.
  store.restMs = { first: 0, second: 0, longest: 0 }
  server.omitsRefreshToken = course.omits && !rotates
  let failures = course.failures
  server.step = async (path, when) => {
    await scheduler.schedule(Promise.resolve(), `${path} ${when}`)
    return path === '/token' && when === 'request' && failures-- > 0 ? json(503, {}) : undefined
  }
  let steps = 0
  let isDeleted = false
  store.step = async (call, when) => {
    await scheduler.schedule(Promise.resolve(), `${call} ${when}`)
    if (when !== 'request' || steps++ !== course.deletedAt) return
    store.records.clear()
    isDeleted = true
  }
  const calls = lines.flatMap((line) => {
    const process = session.start()
    return line.map(async (length) => {
      const statuses: (number | string)[] = []
      for (let call = 0; call < length; call++) {
        statuses.push(await process.refresh().catch((error: Error) => error.message))
        if (statuses.at(-1) === 200) server.expireAccessTokens()
      }
      return statuses
    })
  })
  const statuses = (await scheduler.waitFor(Promise.all(calls))).flat()
  return { session, statuses, isDeleted }
}

test('in any order of steps no spent token is sent and no new pair is lost', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fleet, course, async (scheduler, lines, course) => {
      const { session, statuses } = await run(scheduler, lines, { ...course, deletedAt: null })
      const { count, families } = session.server
      expect(count.familiesRevoked).toBe(0)
      expect(count.refusedRefreshes).toBe(0)
      expect(session.record?.refreshToken).toBe(families[0]?.refreshToken)
      expect(session.store.records.size).toBe(1)
      const failed = statuses.filter((status) => status !== 200)
      expect(failed).toEqual(Array(Math.min(course.failures, failed.length)).fill(503))
      expect(session.store.heldLeases).toBe(0)
    }),
    { numRuns: 300 },
  )
}, 30_000)

test('in any order of steps a deleted user is not brought back', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fleet, course, async (scheduler, lines, course) => {
      const { session, statuses, isDeleted } = await run(scheduler, lines, course)
      if (isDeleted) expect(session.store.records.size).toBe(0)
      expect(session.server.count.familiesRevoked).toBe(0)
      for (const status of statuses) {
        expect([200, 400, 503, 'no refresh token to be had']).toContain(status)
      }
    }),
    { numRuns: 300 },
  )
}, 30_000)
