import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Fleet, startFleet } from '../support/fleet/fleet.js'
import { violations } from '../support/scenarios/scenario.js'
import { scenarios } from '../support/scenarios/scenarios.js'
import { type RedisServer, startRedis } from '../support/servers/redis-server.js'

// The scenarios that need no time-out to fail. What they show here is what they would show if the library stopped
// coordinating: without these, the other tests could pass for a race that never came.
const TELLING = [
  'all start on an empty database',
  'all meet an expired access token',
  'one client makes eight calls at once with an expired token',
  'the access token runs out by the clock',
  'refresh answers have no refresh token',
  'parent and child paths share a session',
  'one callback is delivered three times, in three processes',
  'every process is a client and a resource server',
  'the refresh token is refused',
  'a refresh is answered 503 once',
  'the refreshing process is killed before the server acted',
]

describe('a fleet over a database that coordinates nothing', () => {
  let redis: RedisServer
  let fleet: Fleet

  beforeAll(async () => {
    redis = await startRedis()
    fleet = await startFleet({
      processes: 4,
      redis,
      database: ({ url }, keyPrefix) => ({ kind: 'uncoordinated', url, keyPrefix }),
    })
  })
  afterAll(async () => {
    await fleet?.stop()
    await redis?.stop()
  })

  it.each(TELLING)('breaks when %s', async (name) => {
    const scenario = scenarios.find((each) => each.name === name)
    if (scenario === undefined) throw new Error(`no scenario is called ${name}`)
    await fleet.begin()
    expect(violations(await scenario.run(fleet))).not.toEqual([])
  })
})
