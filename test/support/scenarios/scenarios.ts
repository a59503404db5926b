import { eventually } from '../eventually.js'
import type { Fleet } from '../fleet/fleet.js'
import type { Outcome } from '../fleet/worker.mjs'
import { faultScenarios } from './fault-scenarios.js'
import { plainChallengeScenarios } from './plain-challenge-scenarios.js'
import { meetExpiry, Observation, type Scenario } from './scenario.js'
import { serverScenarios } from './server-scenarios.js'

const CALLS_EACH = 5
const PAST_EXPIRY_MS = 250

/** Nothing was lost, whatever else happened. */
const UNHARMED = { reuseDetections: 0, familiesRevoked: 0 }

async function startCold(fleet: Fleet): Promise<ReturnType<Observation['against']>> {
  const observation = new Observation()
  fleet.mcpServer.gatherRefusals(fleet.workers.length)
  const logins = await fleet.connectAll()
  // A process that could not log in has nothing to call with: its calls count as failed.
  observation.add(await fleet.callAll({ perProcess: CALLS_EACH }))
  observation.add({ ...logins, ok: 0, failed: 0 })
  return observation.against(fleet, {
    registrations: 1,
    authorizations: 1,
    refusedCodes: 0,
    ...UNHARMED,
    callsOk: fleet.workers.length * CALLS_EACH,
    callsFailed: 0,
  })
}

async function meetExpiredToken(fleet: Fleet): Promise<ReturnType<Observation['against']>> {
  const observation = new Observation()
  await fleet.share()
  observation.add(await meetExpiry(fleet, CALLS_EACH))
  return observation.against(fleet, {
    registrations: 1,
    authorizations: 1,
    refreshes: 1,
    ...UNHARMED,
    callsOk: fleet.workers.length * CALLS_EACH,
    callsFailed: 0,
  })
}

async function callInParallel(fleet: Fleet): Promise<ReturnType<Observation['against']>> {
  const observation = new Observation()
  const one = fleet.workers.slice(0, 1)
  await fleet.connect(one)
  fleet.expireAccessTokens()
  fleet.authorizationServer.gatherMetadataRequests(8)
  for (let round = 0; round < CALLS_EACH; round += 1) {
    observation.add(await fleet.call(one, { perProcess: 8, parallel: true }))
  }
  return observation.against(fleet, {
    registrations: 1,
    authorizations: 1,
    refreshes: 1,
    ...UNHARMED,
    callsOk: 8 * CALLS_EACH,
    callsFailed: 0,
  })
}

async function expireByTheClock(fleet: Fleet): Promise<ReturnType<Observation['against']>> {
  const observation = new Observation()
  await fleet.share()
  // A first refresh gives everyone a token of one second; connecting with such a token could outlast it.
  fleet.authorizationServer.configure({ accessTokenLifetimeSeconds: 1 })
  fleet.expireAccessTokens()
  observation.add(await fleet.call(fleet.workers.slice(0, 1)))
  fleet.authorizationServer.configure({ accessTokenLifetimeSeconds: 3600 })
  await eventually(() => fleet.authorizationServer.accessTokensAlive() === 0)
  // The client counts the lifetime from the answer's arrival, so its record may say a moment more.
  const expiredAt = Date.now()
  await eventually(() => Date.now() > expiredAt + PAST_EXPIRY_MS)
  fleet.authorizationServer.gatherMetadataRequests(fleet.workers.length)
  observation.add(await fleet.callAll({ perProcess: CALLS_EACH }))
  return observation.against(fleet, {
    registrations: 1,
    authorizations: 1,
    refreshes: 2,
    ...UNHARMED,
    callsOk: 1 + fleet.workers.length * CALLS_EACH,
    callsFailed: 0,
  })
}

async function omitRefreshToken(fleet: Fleet): Promise<ReturnType<Observation['against']>> {
  const observation = new Observation()
  await fleet.share()
  fleet.authorizationServer.configure({ omitRefreshToken: true })
  for (let round = 0; round < 2; round += 1) {
    fleet.expireAccessTokens()
    fleet.authorizationServer.gatherMetadataRequests(fleet.workers.length)
    observation.add(await fleet.callAll())
  }
  return observation.against(fleet, {
    registrations: 1,
    authorizations: 1,
    refreshes: 2,
    ...UNHARMED,
    callsOk: 2 * fleet.workers.length,
    callsFailed: 0,
  })
}

async function mixPaths(fleet: Fleet): Promise<ReturnType<Observation['against']>> {
  const observation = new Observation()
  const child = '/mcp/child/leaf'
  const parents = fleet.workers.filter((_, index) => index % 2 === 0)
  const children = fleet.workers.filter((_, index) => index % 2 === 1)
  const callParents = () => fleet.call(parents)
  const callChildren = () => fleet.call(children, { path: child })
  // The session stands at the parent's path; a child finds it there, and saves what it refreshed at its own.
  await fleet.connect(parents.slice(0, 1))
  await fleet.connect(parents.slice(1))
  await fleet.connect(children, child)

  fleet.expireAccessTokens()
  fleet.authorizationServer.gatherMetadataRequests(fleet.workers.length)
  for (const outcome of await Promise.all([callParents(), callChildren()])) observation.add(outcome)
  fleet.expireAccessTokens()
  observation.add(await callChildren())
  observation.add(await callParents())
  fleet.expireAccessTokens()
  observation.add(await callParents())
  observation.add(await callChildren())
  return observation.against(fleet, {
    registrations: 1,
    authorizations: 1,
    refreshes: 3,
    ...UNHARMED,
    callsOk: 3 * fleet.workers.length,
    callsFailed: 0,
  })
}

async function deliverCallbackTwice(fleet: Fleet): Promise<ReturnType<Observation['against']>> {
  const observation = new Observation()
  const [beginner, ...others] = fleet.workers
  if (beginner === undefined) throw new Error('a fleet has at least one process')
  const redirect = await beginner.call<string>('beginLogin')
  const finish = (worker: Fleet['workers'][number]) =>
    worker.call<Outcome>('finishLogin', { redirect })
  const together = await Promise.all(others.slice(0, 2).map(finish))
  const late = await finish(beginner)
  for (const outcome of [...together, late]) observation.add(outcome)
  await fleet.connectAll()
  observation.add(await fleet.callAll())
  return observation.against(fleet, {
    registrations: 1,
    authorizations: 1,
    codeGrants: 1,
    codeReuses: 0,
    ...UNHARMED,
    // One of three deliveries logs in; then everyone calls.
    callsOk: 1 + fleet.workers.length,
    callsFailed: 2,
  })
}

/** The roles authenticate differently, and both registrations belong to one issuer. */
async function playBothRoles(fleet: Fleet): Promise<ReturnType<Observation['against']>> {
  const observation = new Observation()
  await fleet.share()
  for (let round = 0; round < 2; round += 1) {
    fleet.authorizationServer.gatherMetadataRequests(fleet.workers.length)
    observation.add(await fleet.introspectAll())
    fleet.expireAccessTokens()
    observation.add(await fleet.callAll())
  }
  return observation.against(fleet, {
    registrations: 2,
    authorizations: 1,
    refreshes: 2,
    introspections: 2 * fleet.workers.length,
    refusedClients: 0,
    ...UNHARMED,
    callsOk: 4 * fleet.workers.length,
    callsFailed: 0,
  })
}

/** What processes that share one session do to each other, or do not. */
export const scenarios: readonly Scenario[] = [
  { name: 'all start on an empty database', run: startCold },
  { name: 'all meet an expired access token', run: meetExpiredToken },
  { name: 'one client makes eight calls at once with an expired token', run: callInParallel },
  { name: 'the access token runs out by the clock', run: expireByTheClock },
  { name: 'refresh answers have no refresh token', run: omitRefreshToken },
  { name: 'parent and child paths share a session', run: mixPaths },
  { name: 'one callback is delivered three times, in three processes', run: deliverCallbackTwice },
  { name: 'every process is a client and a resource server', run: playBothRoles },
  ...plainChallengeScenarios,
  ...serverScenarios,
  ...faultScenarios,
]
