import { DEFAULTS } from '../leaves/defaults.js'

/** How long the parts of a coordinated request may take, in milliseconds. */
export interface FlightTiming {
  /** Others take over this long after a holder died. */
  leaseMs: number
  /** A caller waits for others at most this long. */
  waitMs: number
  /** The authorization server has this long to answer. */
  requestMs: number
  /** The caller waits this long for a store that does not take the renewed pair. */
  saveMs: number
  /** The pair is offered to it for this long all the same: there is no second copy of it. */
  rescueMs: number
  /**
   * After Redis was away no refresh token is sent for this long: who holds a new pair saves it meanwhile. More than an
   * attempt to save may hang by default, and the pauses before the next.
   */
  graceMs: number
  /** Who finds that another has sent the token waits this long for what becomes of it. */
  markWaitMs: number
  /** Others wait this long for the one that authorizes anew after a refused refresh, where it cannot be told which client that is. */
  authorizeMs: number
  /** Others wait this long for the one that logs in where there is no session, or none that can be renewed. */
  loginMs: number
  /** The same where a person logs in. */
  interactiveLoginMs: number
  /** A registration is shared with its peers for this long. */
  replyMs: number
}

/** No options, so not among the {@link DEFAULTS}; what is one of `singleFlight` is taken from there. */
export const TIMING_DEFAULTS: FlightTiming = {
  leaseMs: DEFAULTS.flight.leaseMs,
  waitMs: DEFAULTS.flight.waitMs,
  requestMs: 25_000,
  saveMs: 8_000,
  rescueMs: 60_000,
  graceMs: 3_000,
  markWaitMs: 10_000,
  authorizeMs: 5_000,
  loginMs: 15_000,
  interactiveLoginMs: 1_000,
  replyMs: 30_000,
}

/** Of a database: where commands may take longer, so may all that waits for them. Milliseconds. */
export function timingFor(commandTimeout: number): FlightTiming {
  const { leaseMs, graceMs, markWaitMs, waitMs } = TIMING_DEFAULTS
  const longerLeaseMs = Math.max(leaseMs, Math.ceil(2.5 * commandTimeout))
  const longerMarkWaitMs = Math.max(markWaitMs, 5 * commandTimeout)
  return {
    ...TIMING_DEFAULTS,
    leaseMs: longerLeaseMs,
    graceMs: Math.max(graceMs, Math.ceil(1.5 * commandTimeout)),
    markWaitMs: longerMarkWaitMs,
    waitMs: waitMs + longerLeaseMs - leaseMs + longerMarkWaitMs - markWaitMs,
  }
}
