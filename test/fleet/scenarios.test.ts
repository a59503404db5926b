import { appendFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Fleet, startFleet } from '../support/fleet/fleet.js'
import type { DatabaseChoice } from '../support/fleet/worker.mjs'
import { violations } from '../support/scenarios/scenario.js'
import { scenarios } from '../support/scenarios/scenarios.js'
import { type RedisServer, startRedis } from '../support/servers/redis-server.js'

// bench/fleet-scenarios.mjs sets these to run larger fleets many times over, and reads the report.
const processes = Number(process.env.FLEET_PROCESSES ?? 8)
const repeats = Number(process.env.FLEET_REPEATS ?? 1)
const database = process.env.FLEET_DATABASE ?? 'coordinated'
const reportFile = process.env.FLEET_REPORT

const SCENARIO_TIMEOUT_MS = 60_000 * repeats

const databases: Record<string, (redis: RedisServer, keyPrefix: string) => DatabaseChoice> = {
  coordinated: ({ url }, keyPrefix) => ({
    kind: 'redis',
    options: { url, keyPrefix },
    wrap: true,
  }),
  records: ({ url }, keyPrefix) => ({ kind: 'redis', options: { url, keyPrefix }, wrap: false }),
  uncoordinated: ({ url }, keyPrefix) => ({ kind: 'uncoordinated', url, keyPrefix }),
}

function chosenDatabase(): (redis: RedisServer, keyPrefix: string) => DatabaseChoice {
  const chosen = databases[database]
  if (chosen === undefined) {
    throw new TypeError(`FLEET_DATABASE takes ${Object.keys(databases).join(', ')}`)
  }
  return chosen
}

describe(`${processes} processes with one session`, () => {
  let redis: RedisServer
  let fleet: Fleet

  beforeAll(async () => {
    // What Redis acknowledged survives its being killed, so that a scenario shows what the library loses, not Redis.
    redis = await startRedis({ appendonly: true, config: { appendfsync: 'always' } })
    fleet = await startFleet({ processes, redis, database: chosenDatabase() })
  }, 120_000)

  afterAll(async () => {
    await fleet?.stop()
    await redis?.stop()
  })

  it.each(scenarios.map(({ name, run }) => [name, run] as const))(
    'stay well when %s',
    async (name, run) => {
      const missed: string[] = []
      for (let repeat = 0; repeat < repeats; repeat += 1) {
        await fleet.begin()
        const result = await run(fleet)
        const violated = violations(result)
        if (violated.length > 0) missed.push(...violated, ...result.failures)
        if (reportFile !== undefined) {
          const line = JSON.stringify({ name, processes, violated, ...result })
          appendFileSync(reportFile, `${line}\n`)
        }
      }
      expect(missed).toEqual([])
    },
    SCENARIO_TIMEOUT_MS,
  )
})
