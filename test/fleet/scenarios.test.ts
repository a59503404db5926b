import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Fleet, startFleet } from '../support/fleet/fleet.js'
import type { DatabaseChoice } from '../support/fleet/worker.mjs'
import { missingRuns, processes, repeats } from '../support/scenarios/runs.js'
import { violations } from '../support/scenarios/scenario.js'
import { scenarios } from '../support/scenarios/scenarios.js'
import { type RedisServer, startRedis } from '../support/servers/redis-server.js'

const database = process.env.FLEET_DATABASE ?? 'coordinated'

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
      for (const report of missingRuns(name)) {
        await fleet.begin()
        const result = await run(fleet)
        const violated = violations(result)
        if (violated.length > 0) missed.push(...violated, ...result.failures)
        report({ violated, ...result })
      }
      expect(missed).toEqual([])
    },
    SCENARIO_TIMEOUT_MS,
  )
})
