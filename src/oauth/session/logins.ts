import type { FlightRunner } from '../../flight/single-flight.js'
import { loginName } from '../refresh/login-anew.js'
import type { FlightTiming } from '../timing.js'
import type { ClientSession } from './client-session.js'
import type { SessionPlace } from './handed-out.js'

/**
 * Lets one caller of all processes log in where there is no session, or none that can be renewed; the others wait for what it
 * saves. A login happens in the client, which the caller is sent back to, so its turn lasts until the client saves a session.
 */
export class Logins {
  readonly #flights: FlightRunner
  readonly #session: ClientSession
  readonly #timing: FlightTiming

  constructor(flights: FlightRunner, session: ClientSession, timing: FlightTiming) {
    this.#flights = flights
    this.#session = session
    this.#timing = timing
  }

  /** What `look` finds once another has logged in; undefined when it is for the caller to do so. Never rejects. */
  take<T>(place: SessionPlace, look: () => Promise<T | undefined>): Promise<T | undefined> {
    const { leaseMs, loginMs, interactiveLoginMs } = this.#timing
    const limitMs = this.#session.isInteractive ? interactiveLoginMs : loginMs
    return new Promise((resolve) => {
      const work = async (): Promise<undefined> => {
        const ended = this.#session.login(place.userId, limitMs)
        resolve(undefined)
        await ended
      }
      this.#flights
        .run<T | undefined>(loginName(place), work, {
          recheck: look,
          leaseMs: Math.min(leaseMs, limitMs),
          waitMs: limitMs,
          maxHoldMs: limitMs,
          whenStoreFails: 'proceed',
        })
        .then(resolve, () => resolve(undefined))
    })
  }
}
