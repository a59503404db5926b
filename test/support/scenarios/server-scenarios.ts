import { lasts } from '../faults/duration.js'
import type { Fleet } from '../fleet/fleet.js'
import { noteRecovery, WELL_WITHIN_MS } from './recovery.js'
import { meetExpiry, Observation, type Scenario, type ScenarioResult } from './scenario.js'

const CALLS_EACH = 5
/** The first login, and one more for all processes together. */
const ONE_MORE_LOGIN = 2
const FAILING_MS = 6_000
const PAUSE_MS = 500

async function refuseRefreshToken(fleet: Fleet): Promise<ScenarioResult> {
  const observation = new Observation()
  await fleet.share()
  fleet.authorizationServer.refuseRefreshTokens()
  observation.add(await meetExpiry(fleet, CALLS_EACH))
  return observation.against(fleet, {
    registrations: 1,
    authorizations: ONE_MORE_LOGIN,
    refusedRefreshes: 1,
    familiesRevoked: 0,
    callsOk: fleet.workers.length * CALLS_EACH,
    callsFailed: 0,
  })
}

async function forgetClient(fleet: Fleet): Promise<ScenarioResult> {
  const observation = new Observation()
  await fleet.share()
  fleet.authorizationServer.forgetClients()
  observation.add(await meetExpiry(fleet, CALLS_EACH))
  await noteRecovery(fleet, observation)
  return observation.against(fleet, {
    wellAgainMs: [0, WELL_WITHIN_MS],
    registrations: 2,
    authorizations: ONE_MORE_LOGIN,
    familiesRevoked: 0,
    callsFailed: [0, fleet.workers.length],
  })
}

async function failOnce(fleet: Fleet): Promise<ScenarioResult> {
  const observation = new Observation()
  await fleet.share()
  fleet.authorizationServer.failTokenRequests({ point: 'before' })
  observation.add(await meetExpiry(fleet, CALLS_EACH))
  return observation.against(fleet, {
    registrations: 1,
    authorizations: 1,
    refreshes: 1,
    reuseDetections: 0,
    familiesRevoked: 0,
    callsFailed: [0, 1],
  })
}

/** Calls go on meanwhile, and each but those that send is told at once that the server rests. */
async function failForLong(fleet: Fleet): Promise<ScenarioResult> {
  const observation = new Observation()
  await fleet.share()
  fleet.authorizationServer.failTokenRequests({ point: 'before', times: Number.POSITIVE_INFINITY })
  fleet.expireAccessTokens()
  const endsAtMs = performance.now() + FAILING_MS
  while (performance.now() < endsAtMs) {
    observation.add(await fleet.callAll())
    await lasts(PAUSE_MS)
  }
  fleet.authorizationServer.clearFaults()
  await noteRecovery(fleet, observation)
  return observation.against(fleet, {
    wellAgainMs: [0, WELL_WITHIN_MS],
    registrations: 1,
    authorizations: 1,
    // At once, after 1 s, and after 2 and 4 s more.
    failedTokenRequests: [2, 4],
    refreshes: 1,
    reuseDetections: 0,
    familiesRevoked: 0,
  })
}

async function failAfterActing(fleet: Fleet): Promise<ScenarioResult> {
  const observation = new Observation()
  await fleet.share()
  fleet.authorizationServer.failTokenRequests({ point: 'after' })
  observation.add(await meetExpiry(fleet, CALLS_EACH))
  await noteRecovery(fleet, observation)
  return observation.against(fleet, {
    wellAgainMs: [0, WELL_WITHIN_MS],
    registrations: 1,
    // The new pair is lost with the answer: nothing but another login can help. Who calls while there is no session at all,
    // since its spent token was removed and nobody is logged in yet, logs in by itself.
    authorizations: [ONE_MORE_LOGIN, fleet.workers.length],
    reuseDetections: [0, 1],
    familiesRevoked: [0, 1],
    callsFailed: [0, 1],
  })
}

/** The same with an authorization server that refuses, forgets or fails. */
export const serverScenarios: readonly Scenario[] = [
  { name: 'the refresh token is refused', run: refuseRefreshToken },
  { name: 'the authorization server has forgotten the client', run: forgetClient },
  { name: 'a refresh is answered 503 once', run: failOnce },
  { name: 'the authorization server answers 503 for six seconds', run: failForLong },
  { name: 'a refresh is answered 503 once, after the server acted', run: failAfterActing },
]
