import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Fleet, startFleet } from '../support/fleet/fleet.js'
import type { DatabaseChoice } from '../support/fleet/worker.mjs'
import { isReported, makeRuns, processes, RUNS_TIMEOUT_MS } from '../support/scenarios/runs.js'
import { scenarios } from '../support/scenarios/scenarios.js'
import { type RedisServer, startRedis } from '../support/servers/redis-server.js'

const database = process.env.FLEET_DATABASE ?? 'coordinated'

/** What the names of the scenarios hold that are run. */
const only = new RegExp(process.env.FLEET_ONLY ?? '')
const chosen = scenarios.filter(({ name }) => only.test(name))

const SCENARIO_TIMEOUT_MS = isReported ? RUNS_TIMEOUT_MS : 60_000

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
  const choice = databases[database]
  if (choice === undefined) {
    throw new TypeError(`FLEET_DATABASE takes ${Object.keys(databases).join(', ')}`)
  }
  return choice
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

  it.each(chosen.map(({ name, run }) => [name, run] as const))(
    'stay well when %s',
    async (name, run) => {
      const missed = await makeRuns(
        name,
        async () => {
          await fleet.begin()
          return await run(fleet)
        },
        { observed: () => fleet.counters(), leave: () => fleet.killWorkers() },
      )
      expect(missed).toEqual([])
    },
    SCENARIO_TIMEOUT_MS,
  )
})
