import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Fleet, startFleet } from '../support/fleet/fleet.js'
import { violations } from '../support/scenarios/scenario.js'
import { scenarios } from '../support/scenarios/scenarios.js'
import { type RedisServer, startRedis } from '../support/servers/redis-server.js'

describe('a fleet that takes the database as oAuthDb, without withOAuthDatabase', () => {
  let redis: RedisServer
  let fleet: Fleet

  beforeAll(async () => {
    redis = await startRedis()
    fleet = await startFleet({
      processes: 8,
      redis,
      database: ({ url }, keyPrefix) => ({
        kind: 'redis',
        options: { url, keyPrefix },
        wrap: false,
      }),
    })
  })
  afterAll(async () => {
    await fleet?.stop()
    await redis?.stop()
  })

  // Refreshes need the wrapper.
  it.each([
    'all start on an empty database',
    'one callback is delivered three times, in three processes',
  ])('stays well when %s', async (name) => {
    const scenario = scenarios.find((each) => each.name === name)
    if (scenario === undefined) throw new Error(`no scenario is called ${name}`)
    await fleet.begin()
    const result = await scenario.run(fleet)
    // Logins need the wrapper too: here each process has its own.
    const missed = violations(result).filter((line) => !line.startsWith('authorizations'))
    expect(missed, result.failures.join('\n')).toEqual([])
  })
})
