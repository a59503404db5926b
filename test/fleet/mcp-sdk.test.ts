import { appendFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { McpFleet } from '../support/mcp/mcp-fleet.js'
import type { Outcome } from '../support/mcp/worker.mjs'

// Larger fleets, many times over, in the same way as of `scenarios.test.ts`.
const processes = Number(process.env.FLEET_PROCESSES ?? 8)
const repeats = Number(process.env.FLEET_REPEATS ?? 1)
const reportFile = process.env.FLEET_REPORT
/** No run begins after it. Milliseconds since 1970. */
const untilMs = Number(process.env.FLEET_UNTIL ?? Number.POSITIVE_INFINITY)
const TIMEOUT_MS = 60_000 * repeats

const ANSWERED: Outcome = { answer: 'user_123 at /mcp' }
const NO_HARM = { refusedRefreshes: 0, reuseDetections: 0, familiesRevoked: 0 }

let fleet: McpFleet

beforeAll(async () => {
  fleet = await McpFleet.start(processes)
}, 120_000)

afterAll(() => fleet?.stop())

/**
 * Runs what gives the outcomes of calls that are all to be answered, and judges what the authorization server has counted so far. A run
 * that is not well is no reason to make no more: how many of all were, is to be counted.
 */
async function repeatedly(
  name: string,
  scenario: () => Promise<Outcome[]>,
  counted: (runs: number) => object,
): Promise<void> {
  const missed: unknown[] = []
  for (let runs = 1; runs <= repeats && Date.now() < untilMs; runs += 1) {
    const outcomes = await scenario()
    const counters = fleet.authorizationServer.counters()
    const lost = outcomes.filter((outcome) => !isDeepStrictEqual(outcome, ANSWERED))
    if (reportFile !== undefined) {
      appendFileSync(
        reportFile,
        `${JSON.stringify({ name, processes, runs, lost, ...counters })}\n`,
      )
    }
    missed.push(...lost)
    try {
      expect(counters).toMatchObject({ ...NO_HARM, ...counted(runs) })
    } catch (error) {
      missed.push(error)
    }
  }
  expect(missed).toEqual([])
}

describe.each(['v1', 'v2', 'ai'] as const)(`${processes} processes with a client of %s`, (sdk) => {
  it.each([0, 150, 2_000])(
    'refresh an expired token once when their calls are spread over %s ms',
    async (spreadMs) => {
      await fleet.begin({ sdk, provider: 'ours' })
      await fleet.share()
      await repeatedly(
        `${sdk}, calls spread over ${spreadMs} ms`,
        () => {
          fleet.authorizationServer.expireAccessTokens()
          if (spreadMs === 0) fleet.mcpServer.gatherRefusals(processes)
          return fleet.call(spreadMs)
        },
        (runs) => ({ registrations: 1, codeGrants: 1, refreshes: runs }),
      )
    },
    TIMEOUT_MS,
  )

  it(
    'register once at a cold start, and each login that they begin can be finished anywhere',
    () =>
      repeatedly(
        `${sdk}, cold start`,
        async () => {
          await fleet.begin({ sdk, provider: 'ours' })
          const outcomes = await fleet.connect()
          const loginUrls = outcomes.map((outcome) => 'loginUrl' in outcome && outcome.loginUrl)
          expect(new Set(loginUrls).size).toBe(processes)
          for (const [at, loginUrl] of loginUrls.entries()) {
            const worker = fleet.workers[(at + 1) % processes]
            if (worker !== undefined) await fleet.finish(worker, String(loginUrl))
          }
          return fleet.connect()
        },
        () => ({ registrations: 1, codeGrants: processes, refusedCodes: 0 }),
      ),
    TIMEOUT_MS,
  )
})

it(
  'without coordination all send the refresh token, and its family is revoked',
  async () => {
    await fleet.begin({ sdk: 'v1', provider: 'naive' })
    await fleet.share()
    fleet.authorizationServer.expireAccessTokens()
    fleet.mcpServer.gatherRefusals(processes)
    const outcomes = await fleet.call(0)
    expect(outcomes.filter((outcome) => 'loginUrl' in outcome).length).toBeGreaterThan(0)
    expect(fleet.authorizationServer.counters()).toMatchObject({ familiesRevoked: 1 })
  },
  TIMEOUT_MS,
)
