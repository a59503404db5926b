import { lasts } from '../faults/duration.js'
import type { Fleet } from '../fleet/fleet.js'
import { leaseWaiters } from '../outages/lease-waiters.js'
import { type Expectation, Observation, type Scenario, type ScenarioResult } from './scenario.js'

// What real servers say to an expired token is 401 and where their metadata stands, nothing of a refresh.

const CALLS_EACH = 5
/** Longer than a command waits for Redis. */
const REDIS_HANGS_MS = 2_500
/** Whoever waits for a login that has come to a stop logs in after 5 seconds. */
const MOST_TAKEOVER_MS = 9_000
const UNHARMED = { reuseDetections: 0, familiesRevoked: 0, refusedCodes: 0 }
/** One of the clients, one of the server. */
const BOTH_ROLES = 2

async function startCold(fleet: Fleet): Promise<ScenarioResult> {
  const observation = new Observation()
  const server = await fleet.useAtxpServer()
  server.gatherRefusals(fleet.workers.length)
  const logins = await fleet.connectAll()
  observation.add(await fleet.callAll({ perProcess: CALLS_EACH }))
  observation.add({ ...logins, ok: 0 })
  observation.note('unauthorized', server.counters().unauthorized)
  return observation.against(fleet, {
    registrations: BOTH_ROLES,
    authorizations: 1,
    refreshes: 0,
    ...UNHARMED,
    callsOk: fleet.workers.length * CALLS_EACH,
    callsFailed: 0,
  })
}

/** The access token has expired for all, after something that is worse. */
const expire =
  (worse: (fleet: Fleet) => void, expected: (processes: number) => Record<string, Expectation>) =>
  async (fleet: Fleet): Promise<ScenarioResult> => {
    const observation = new Observation()
    const server = await fleet.useAtxpServer()
    await fleet.share()
    worse(fleet)
    fleet.expireAccessTokens()
    server.gatherRefusals(fleet.workers.length)
    observation.add(await fleet.callAll({ perProcess: CALLS_EACH }))
    return observation.against(fleet, {
      registrations: BOTH_ROLES,
      ...UNHARMED,
      callsOk: fleet.workers.length * CALLS_EACH,
      callsFailed: 0,
      ...expected(fleet.workers.length),
    })
  }

/** One process has its code with the authorization server, and nobody else has called yet. */
async function holdLogin(fleet: Fleet) {
  await fleet.useAtxpServer()
  const { authorizationServer } = fleet
  const [first, ...others] = fleet.workers
  if (first === undefined) throw new Error('a fleet has at least one process')
  const hold = authorizationServer.holdTokenRequest({
    grantType: 'authorization_code',
    point: 'before',
  })
  const login = fleet.connect([first])
  await authorizationServer.reached(hold)
  return { first, others, login, release: () => authorizationServer.release(hold) }
}

/** Another takes its turn once its lease has run out, and what it saves when it goes on is as good. */
async function stallDuringLogin(fleet: Fleet): Promise<ScenarioResult> {
  const observation = new Observation()
  const { first, others, login, release } = await holdLogin(fleet)
  first.pause()
  const waiters = await fleet.connect(others)
  first.resume()
  release()
  observation.add(waiters)
  observation.note('waitersSlowestMs', Math.round(waiters.slowestMs))
  observation.add(await login)
  return observation.against(fleet, {
    registrations: BOTH_ROLES,
    authorizations: 2,
    refreshes: 0,
    ...UNHARMED,
    callsOk: fleet.workers.length,
    callsFailed: 0,
    waitersSlowestMs: [0, MOST_TAKEOVER_MS],
  })
}

/** Those who wait meet a Redis that does not answer, while one process logs in. */
async function hangDuringLogin(fleet: Fleet): Promise<ScenarioResult> {
  const observation = new Observation()
  const { others, login, release } = await holdLogin(fleet)
  const waiters = fleet.connect(others)
  await leaseWaiters(fleet.redis, others.length)
  fleet.redis.pause()
  await lasts(REDIS_HANGS_MS)
  fleet.redis.resume()
  release()
  observation.add(await waiters)
  observation.add(await login)
  return observation.against(fleet, {
    registrations: BOTH_ROLES,
    authorizations: 1,
    refreshes: 0,
    ...UNHARMED,
    callsOk: fleet.workers.length,
    callsFailed: 0,
  })
}

const forgetClient = expire(
  (fleet) => fleet.authorizationServer.forgetClients(),
  () => ({
    registrations: 2 * BOTH_ROLES,
    authorizations: 2,
    refreshes: 0,
  }),
)

/** At a server that does with OAuth what the published one does. */
export const plainChallengeScenarios: readonly Scenario[] = [
  { name: 'all start on an empty database, at a server that only says 401', run: startCold },
  {
    name: 'all meet an expired access token, at a server that only says 401',
    run: expire(
      () => undefined,
      (processes) => ({
        authorizations: 1,
        refreshes: 1,
        unauthorized: [processes, 2 * processes],
      }),
    ),
  },
  {
    name: 'the refresh token is refused, at a server that only says 401',
    run: expire(
      (fleet) => fleet.authorizationServer.refuseRefreshTokens(),
      () => ({
        authorizations: 2,
        refusedRefreshes: 1,
      }),
    ),
  },
  { name: 'the client is forgotten, at a server that only says 401', run: forgetClient },
  {
    name: 'the client is forgotten and nobody has a refresh token, at a server that only says 401',
    run: (fleet) => {
      // There is no refresh by which the first to come would learn of it.
      fleet.authorizationServer.configure({ issueRefreshTokens: false })
      return forgetClient(fleet)
    },
  },
  {
    name: 'the process that logs in stands still, at a server that only says 401',
    run: stallDuringLogin,
  },
  {
    name: 'Redis hangs while one process logs in and the others wait, at a server that only says 401',
    run: hangDuringLogin,
  },
]
