import { eventually } from '../support/eventually.js'
import type { Fleet } from '../support/fleet/fleet.js'
import type { TestProcess } from '../support/processes.js'
import { Observation, type Scenario, type ScenarioResult } from './scenario.js'

const CALLS_EACH = 5
const WELL_WITHIN_MS = 15_000
/** A call that meets a dead process or a dead Redis ends within this. */
const MOST_CALL_MS = 10_000

/** Every process logs in at most once more. */
const oneLoginEach = (fleet: Fleet): [number, number] => [2, 1 + fleet.workers.length]

/** Calls until every process is well, without anybody's doing, and notes how long that took. */
async function noteRecovery(fleet: Fleet, observation: Observation): Promise<void> {
  const startedAt = Date.now()
  await eventually(async () => (await fleet.callAll()).failed === 0, {
    withinMs: WELL_WITHIN_MS,
  }).catch(() => undefined)
  observation.note('wellAgainMs', Date.now() - startedAt)
}

async function refuseRefreshToken(fleet: Fleet): Promise<ScenarioResult> {
  const observation = new Observation()
  await fleet.share()
  fleet.authorizationServer.refuseRefreshTokens()
  fleet.expireAccessTokens()
  fleet.authorizationServer.gatherMetadataRequests(fleet.workers.length)
  observation.add(await fleet.callAll({ perProcess: CALLS_EACH }))
  return observation.against(fleet, {
    registrations: 1,
    authorizations: oneLoginEach(fleet),
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
  fleet.expireAccessTokens()
  fleet.authorizationServer.gatherMetadataRequests(fleet.workers.length)
  observation.add(await fleet.callAll({ perProcess: CALLS_EACH }))
  await noteRecovery(fleet, observation)
  return observation.against(fleet, {
    wellAgainMs: [0, WELL_WITHIN_MS],
    registrations: 2,
    authorizations: oneLoginEach(fleet),
    familiesRevoked: 0,
    callsFailed: [0, fleet.workers.length],
  })
}

async function failOnce(fleet: Fleet): Promise<ScenarioResult> {
  const observation = new Observation()
  await fleet.share()
  fleet.authorizationServer.failTokenRequests({ point: 'before' })
  fleet.expireAccessTokens()
  fleet.authorizationServer.gatherMetadataRequests(fleet.workers.length)
  observation.add(await fleet.callAll({ perProcess: CALLS_EACH }))
  return observation.against(fleet, {
    registrations: 1,
    authorizations: 1,
    refreshes: 1,
    reuseDetections: 0,
    familiesRevoked: 0,
    callsFailed: [0, 1],
  })
}

async function failAfterActing(fleet: Fleet): Promise<ScenarioResult> {
  const observation = new Observation()
  await fleet.share()
  fleet.authorizationServer.failTokenRequests({ point: 'after' })
  fleet.expireAccessTokens()
  fleet.authorizationServer.gatherMetadataRequests(fleet.workers.length)
  observation.add(await fleet.callAll({ perProcess: CALLS_EACH }))
  await noteRecovery(fleet, observation)
  return observation.against(fleet, {
    wellAgainMs: [0, WELL_WITHIN_MS],
    registrations: 1,
    // The new pair is lost with the answer: nothing but another login can help.
    authorizations: oneLoginEach(fleet),
    reuseDetections: [0, 1],
    familiesRevoked: [0, 1],
    callsFailed: [0, 1],
  })
}

/**
 * One process stands at a point inside its refresh, the others wait for it; then `interrupt` happens, and `mend` once the
 * others are through.
 */
async function interruptRefresh(
  fleet: Fleet,
  point: 'before' | 'after',
  interrupt: (refreshing: TestProcess) => unknown,
  mend: (refreshing: TestProcess) => unknown = () => undefined,
): Promise<Observation> {
  const observation = new Observation()
  await fleet.share()
  fleet.expireAccessTokens()
  const [refreshing, ...others] = fleet.workers
  if (refreshing === undefined) throw new Error('a fleet has at least one process')

  const hold = fleet.authorizationServer.holdTokenRequest({ point })
  const first = fleet.call([refreshing])
  await fleet.authorizationServer.reached(hold)
  const askedBefore = fleet.counters().metadataRequests
  const rest = fleet.call(others, { perProcess: CALLS_EACH })
  await eventually(() => fleet.counters().metadataRequests >= askedBefore + others.length)
  await interrupt(refreshing)
  fleet.authorizationServer.release(hold)
  observation.add(await rest)
  await mend(refreshing)
  observation.add(await first)
  return observation
}

async function killBeforeActing(fleet: Fleet): Promise<ScenarioResult> {
  const observation = await interruptRefresh(fleet, 'before', async (refreshing) => {
    await refreshing.kill()
    await eventually(() => fleet.counters().abandonedTokenRequests > 0)
  })
  return observation.against(fleet, {
    registrations: 1,
    authorizations: 1,
    refreshes: 1,
    reuseDetections: 0,
    familiesRevoked: 0,
    callsOk: (fleet.workers.length - 1) * CALLS_EACH,
    callsFailed: 0,
    slowestMs: [0, MOST_CALL_MS],
  })
}

async function killAfterActing(fleet: Fleet): Promise<ScenarioResult> {
  const observation = await interruptRefresh(fleet, 'after', (refreshing) => refreshing.kill())
  return observation.against(fleet, {
    registrations: 1,
    authorizations: oneLoginEach(fleet),
    reuseDetections: [0, 1],
    familiesRevoked: [0, 1],
    callsOk: (fleet.workers.length - 1) * CALLS_EACH,
    callsFailed: 0,
    slowestMs: [0, MOST_CALL_MS],
  })
}

async function stallRefreshing(fleet: Fleet): Promise<ScenarioResult> {
  // The server answers a process that stands still. When it wakes up, the others have gone on without it.
  const observation = await interruptRefresh(
    fleet,
    'after',
    (refreshing) => refreshing.pause(),
    (refreshing) => refreshing.resume(),
  )
  await noteRecovery(fleet, observation)
  return observation.against(fleet, {
    wellAgainMs: [0, WELL_WITHIN_MS],
    registrations: 1,
    authorizations: oneLoginEach(fleet),
    reuseDetections: [0, 1],
    familiesRevoked: [0, 1],
    callsFailed: 0,
    slowestMs: [0, MOST_CALL_MS],
  })
}

async function killRedis(fleet: Fleet): Promise<ScenarioResult> {
  const observation = await interruptRefresh(fleet, 'before', () => fleet.redis.kill())
  await fleet.redis.restart({ keepData: true })
  await noteRecovery(fleet, observation)
  return observation.against(fleet, {
    wellAgainMs: [0, WELL_WITHIN_MS],
    registrations: 1,
    // The process that holds the new pair cannot save it, and the others cannot know.
    authorizations: [1, 1 + fleet.workers.length],
    familiesRevoked: [0, 1],
    slowestMs: [0, MOST_CALL_MS],
  })
}

async function freezeRedis(fleet: Fleet): Promise<ScenarioResult> {
  const observation = await interruptRefresh(fleet, 'before', () => fleet.redis.pause())
  fleet.redis.resume()
  await noteRecovery(fleet, observation)
  return observation.against(fleet, {
    wellAgainMs: [0, WELL_WITHIN_MS],
    registrations: 1,
    authorizations: [1, 1 + fleet.workers.length],
    familiesRevoked: [0, 1],
    slowestMs: [0, MOST_CALL_MS],
  })
}

/** The same with something that breaks: the session, the server, a process, Redis. */
export const faultScenarios: readonly Scenario[] = [
  { name: 'the refresh token is refused', run: refuseRefreshToken },
  { name: 'the authorization server has forgotten the client', run: forgetClient },
  { name: 'a refresh is answered 503 once', run: failOnce },
  { name: 'a refresh is answered 503 once, after the server acted', run: failAfterActing },
  { name: 'the refreshing process is killed before the server acted', run: killBeforeActing },
  { name: 'the refreshing process is killed after the server acted', run: killAfterActing },
  { name: 'the refreshing process stalls and comes back late', run: stallRefreshing },
  { name: 'Redis is killed during a refresh', run: killRedis },
  { name: 'Redis hangs during a refresh', run: freezeRedis },
]
