import { eventually } from '../eventually.js'
import type { Fleet } from '../fleet/fleet.js'
import type { Outcome } from '../fleet/worker.mjs'
import type { TestProcess } from '../processes/processes.js'
import { noteRecovery, WELL_WITHIN_MS } from './recovery.js'
import { Observation, type Scenario, type ScenarioResult } from './scenario.js'

const CALLS_EACH = 5
/** Whoever waits for a dead process goes on within its lease and its mark, 15 seconds, and then has to refresh or log in. */
const MOST_TAKEOVER_MS = 19_000
/** A call that needs Redis fails within this when Redis does not answer. */
const MOST_OUTAGE_MS = 5_000

/** So long a call waits for a Redis that does not take what it has refreshed. */
const SAVE_MS = 8_000

/** The first login, and one more for all processes together. */
const ONE_MORE_LOGIN = 2

/**
 * One process stands at a point inside its refresh, the others wait for it; then `interrupt` happens, and `mend` once the
 * others are through. `mend` may wait for what became of that process' own call.
 */
async function interruptRefresh(
  fleet: Fleet,
  point: 'before' | 'after',
  interrupt: (refreshing: TestProcess) => unknown,
  callsEach: number,
  mend: (refreshing: TestProcess, first: Promise<Outcome>) => unknown = () => undefined,
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
  const rest = fleet.call(others, { perProcess: callsEach })
  await eventually(() => fleet.counters().metadataRequests >= askedBefore + others.length)
  await interrupt(refreshing)
  fleet.authorizationServer.release(hold)
  const waiters = await rest
  observation.add(waiters)
  observation.note('waitersSlowestMs', Math.round(waiters.slowestMs))
  await mend(refreshing, first)
  observation.add(await first)
  return observation
}

async function killBeforeActing(fleet: Fleet): Promise<ScenarioResult> {
  const kill = async (refreshing: TestProcess) => {
    await refreshing.kill()
    await eventually(() => fleet.counters().abandonedTokenRequests > 0)
  }
  const observation = await interruptRefresh(fleet, 'before', kill, CALLS_EACH)
  return observation.against(fleet, {
    registrations: 1,
    authorizations: 1,
    refreshes: 1,
    reuseDetections: 0,
    familiesRevoked: 0,
    callsOk: (fleet.workers.length - 1) * CALLS_EACH,
    callsFailed: 0,
    waitersSlowestMs: [0, MOST_TAKEOVER_MS],
  })
}

async function killAfterActing(fleet: Fleet): Promise<ScenarioResult> {
  const kill = (refreshing: TestProcess) => refreshing.kill()
  const observation = await interruptRefresh(fleet, 'after', kill, CALLS_EACH)
  return observation.against(fleet, {
    registrations: 1,
    authorizations: ONE_MORE_LOGIN,
    reuseDetections: [0, 1],
    familiesRevoked: [0, 1],
    callsOk: (fleet.workers.length - 1) * CALLS_EACH,
    callsFailed: 0,
    waitersSlowestMs: [0, MOST_TAKEOVER_MS],
  })
}

async function stallRefreshing(fleet: Fleet): Promise<ScenarioResult> {
  // The server answers a process that stands still. When it wakes up, the others have gone on without it.
  const observation = await interruptRefresh(
    fleet,
    'after',
    (refreshing) => refreshing.pause(),
    CALLS_EACH,
    (refreshing) => refreshing.resume(),
  )
  await noteRecovery(fleet, observation)
  return observation.against(fleet, {
    wellAgainMs: [0, WELL_WITHIN_MS],
    registrations: 1,
    authorizations: ONE_MORE_LOGIN,
    // The pair that it brings is revoked by then: had it been saved, the next refresh would be refused.
    refusedRefreshes: 0,
    reuseDetections: [0, 1],
    familiesRevoked: [0, 1],
    callsFailed: 0,
    waitersSlowestMs: [0, MOST_TAKEOVER_MS],
  })
}

/**
 * Whoever waits learns soon that Redis is away. Whoever holds the new pair, which is nowhere else, keeps it until it can
 * be saved: nobody has to log in again.
 */
async function loseRedis(
  fleet: Fleet,
  lose: () => unknown,
  restore: () => unknown,
): Promise<ScenarioResult> {
  const observation = await interruptRefresh(fleet, 'before', lose, 1, restore)
  await noteRecovery(fleet, observation)
  return observation.against(fleet, {
    registrations: 1,
    authorizations: 1,
    refreshes: 1,
    reuseDetections: 0,
    familiesRevoked: 0,
    callsOk: [1, fleet.workers.length],
    waitersSlowestMs: [0, MOST_OUTAGE_MS],
    wellAgainMs: [0, WELL_WITHIN_MS],
  })
}

const killRedis = (fleet: Fleet) =>
  loseRedis(
    fleet,
    () => fleet.redis.kill(),
    () => fleet.redis.restart({ keepData: true }),
  )

const freezeRedis = (fleet: Fleet) =>
  loseRedis(
    fleet,
    () => fleet.redis.pause(),
    () => fleet.redis.resume(),
  )

/**
 * Redis stays away for longer than a caller waits for the save. The process has told its caller that it failed, and holds
 * the only copy of the new pair, which it goes on offering.
 */
async function loseRedisForLong(
  fleet: Fleet,
  returned: (fleet: Fleet) => unknown,
): Promise<Observation> {
  const restore = async (_refreshing: TestProcess, first: Promise<Outcome>) => {
    await first
    await fleet.redis.restart({ keepData: true })
    await returned(fleet)
  }
  const observation = await interruptRefresh(fleet, 'before', () => fleet.redis.kill(), 1, restore)
  await noteRecovery(fleet, observation)
  return observation
}

async function awaitRescue(fleet: Fleet): Promise<ScenarioResult> {
  const observation = await loseRedisForLong(fleet, async ({ redis }) => {
    const [key = ''] = await redis.cli<string[]>('KEYS', '*access:*')
    const spent = await redis.cli('GET', key)
    // Nobody calls meanwhile. A database that coordinates nothing never does it.
    await eventually(async () => (await redis.cli('GET', key)) !== spent).catch(() => undefined)
  })
  return observation.against(fleet, {
    registrations: 1,
    authorizations: 1,
    refreshes: 1,
    reuseDetections: 0,
    familiesRevoked: 0,
    slowestMs: [SAVE_MS, WELL_WITHIN_MS],
    waitersSlowestMs: [0, MOST_OUTAGE_MS],
    wellAgainMs: [0, WELL_WITHIN_MS],
  })
}

/** The lease has run out by then, and whoever refreshes before the new pair is there would send the token that was spent. */
async function outrunRescue(fleet: Fleet): Promise<ScenarioResult> {
  const observation = await loseRedisForLong(fleet, () => undefined)
  return observation.against(fleet, {
    registrations: 1,
    authorizations: 1,
    refreshes: 1,
    reuseDetections: 0,
    familiesRevoked: 0,
    waitersSlowestMs: [0, MOST_OUTAGE_MS],
    wellAgainMs: [0, WELL_WITHIN_MS],
  })
}

/** The same with a process or Redis that breaks. */
export const faultScenarios: readonly Scenario[] = [
  { name: 'the refreshing process is killed before the server acted', run: killBeforeActing },
  { name: 'the refreshing process is killed after the server acted', run: killAfterActing },
  { name: 'the refreshing process stalls and comes back late', run: stallRefreshing },
  { name: 'Redis is killed during a refresh', run: killRedis },
  { name: 'Redis hangs during a refresh', run: freezeRedis },
  { name: 'Redis is away for longer than the refreshing call waits', run: awaitRescue },
  { name: 'all call in the moment that Redis is back from so long', run: outrunRescue },
]
