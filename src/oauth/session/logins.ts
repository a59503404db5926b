import type { Clock } from '../../clock.js'
import { publishSession } from '../../diagnostics.js'
import type { FlightRunner } from '../../flight/single-flight.js'
import { loginName } from '../refresh/login-anew.js'
import { canPass } from '../refresh/saving.js'
import type { FlightTiming } from '../timing.js'
import type { ClientSession } from './client-session.js'
import type { SessionPlace } from './handed-out.js'

/** After Redis has failed. */
const PAUSE_MS = 250

/**
 * Lets one caller of all processes log in where there is no session, or none that can be renewed; the others wait for what it
 * saves. A login happens in the client, which the caller is sent back to, so its turn lasts until the client saves a session.
 */
export class Logins {
  readonly #flights: FlightRunner
  readonly #session: ClientSession
  readonly #timing: FlightTiming
  readonly #clock: Clock

  constructor(flights: FlightRunner, session: ClientSession, timing: FlightTiming, clock: Clock) {
    this.#flights = flights
    this.#session = session
    this.#timing = timing
    this.#clock = clock
  }

  /**
   * What `look` finds once another has logged in; undefined when it is for the caller to do so. Where Redis fails, it waits on: all who
   * wait meet the same, and would all log in. Never rejects.
   */
  async take<T>(place: SessionPlace, look: () => Promise<T | undefined>): Promise<T | undefined> {
    const { loginMs, interactiveLoginMs } = this.#timing
    const limitMs = this.#session.isInteractive ? interactiveLoginMs : loginMs
    const untilMs = performance.now() + limitMs
    for (let leftMs = limitMs; leftMs > 0; leftMs = Math.ceil(untilMs - performance.now())) {
      try {
        return await this.#turn(place, look, limitMs, leftMs)
      } catch (error) {
        const pauseMs = Math.min(PAUSE_MS, untilMs - performance.now())
        if (!canPass(error) || pauseMs <= 0) return undefined
        await this.#clock.sleep(pauseMs)
      }
    }
    return undefined
  }

  #turn<T>(
    place: SessionPlace,
    look: () => Promise<T | undefined>,
    limitMs: number,
    waitMs: number,
  ): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      const work = async (): Promise<undefined> => {
        const sentAtMs = performance.now()
        const ended = this.#session.login(place.userId, limitMs)
        resolve(undefined)
        const end = await ended
        if (end !== undefined) publishSession(end, {}, sentAtMs)
      }
      this.#flights
        .run<T | undefined>(loginName(place), work, {
          kind: 'login',
          recheck: look,
          leaseMs: Math.min(this.#timing.leaseMs, limitMs),
          waitMs,
          maxHoldMs: limitMs,
          whenStoreFails: 'fail',
        })
        .then(resolve, reject)
    })
  }
}
