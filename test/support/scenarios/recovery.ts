import { eventually } from '../eventually.js'
import type { Fleet } from '../fleet/fleet.js'
import type { Observation } from './scenario.js'

/** A scenario waits no longer for calls to succeed again. */
export const WELL_WITHIN_MS = 15_000

/** Calls until every process is well, without anybody's doing, and notes how long that took. */
export async function noteRecovery(fleet: Fleet, observation: Observation): Promise<void> {
  const startedAt = Date.now()
  await eventually(async () => (await fleet.callAll()).failed === 0, {
    withinMs: WELL_WITHIN_MS,
  }).catch(() => undefined)
  observation.note('wellAgainMs', Date.now() - startedAt)
}
