import { fingerprint } from '../../flight/fingerprint.js'
import type { FlightRunner } from '../../flight/single-flight.js'
import type { Clock } from '../../leaves/clock.js'
import { publishSession } from '../../leaves/diagnostics.js'
import type { Place } from '../places/token-places.js'
import type { FlightTiming } from '../timing.js'
import { canPass } from './saving.js'

/** After Redis has failed. */
const PAUSE_MS = 250
/** Where nobody tells of the end of a login. */
const POLL_MS = 100

/** Where the login of whoever has a session to save stands. */
export type LoginPlace = Pick<Place, 'userId' | 'url'>

/** What became of a login; undefined: not known in time. */
export type LoginEnd = 'loggedIn' | 'loginFailed' | undefined

/** The client, to which its logins are left. */
export interface LoginClient {
  /** Whether a person logs in: then nobody waits long for it. */
  readonly isInteractive: boolean
  /** Resolves when the client has saved a session of the user's, could not log in, or `limitMs` are over. */
  login(userId: string, limitMs: number): Promise<LoginEnd>
}

/**
 * Lets one caller of all processes log in where there is no session, or none that can be renewed; the others wait for what it
 * saves. A login happens in the client, which the caller is sent back to, so its turn lasts until the client saves a session.
 */
export class Logins {
  readonly #flights: FlightRunner
  readonly #client: LoginClient | undefined
  readonly #limitMs: number
  readonly #leaseMs: number
  readonly #clock: Clock

  /** @param client - undefined where it cannot be told which client it is: then its logins are looked for */
  constructor(
    flights: FlightRunner,
    client: LoginClient | undefined,
    { leaseMs, loginMs, interactiveLoginMs, authorizeMs }: FlightTiming,
    clock: Clock,
  ) {
    this.#flights = flights
    this.#client = client
    if (client === undefined) this.#limitMs = authorizeMs
    else this.#limitMs = client.isInteractive ? interactiveLoginMs : loginMs
    this.#leaseMs = Math.min(leaseMs, this.#limitMs)
    this.#clock = clock
  }

  /**
   * What `look` finds once another has logged in; undefined when it is for the caller to do so. Where Redis fails, it waits on: all who
   * wait meet the same, and would all log in. Never rejects.
   */
  async take<T>(place: LoginPlace, look: () => Promise<T | undefined>): Promise<T | undefined> {
    const untilMs = performance.now() + this.#limitMs
    for (let leftMs = this.#limitMs; leftMs > 0; leftMs = Math.ceil(untilMs - performance.now())) {
      try {
        return await this.#turn(place, look, leftMs)
      } catch (error) {
        const pauseMs = Math.min(PAUSE_MS, untilMs - performance.now())
        if (!canPass(error) || pauseMs <= 0) return undefined
        await this.#clock.sleep(pauseMs)
      }
    }
    return undefined
  }

  #turn<T>(
    { userId, url }: LoginPlace,
    look: () => Promise<T | undefined>,
    waitMs: number,
  ): Promise<T | undefined> {
    const limitMs = this.#limitMs
    return new Promise((resolve, reject) => {
      const work = async (): Promise<undefined> => {
        const sentAtMs = performance.now()
        const ended = this.#client?.login(userId, limitMs) ?? this.#found(look)
        resolve(undefined)
        const end = await ended
        if (end !== undefined) publishSession(end, {}, sentAtMs)
      }
      this.#flights
        .run<T | undefined>(fingerprint('authorize', userId, url), work, {
          kind: 'login',
          recheck: look,
          leaseMs: this.#leaseMs,
          waitMs,
          maxHoldMs: limitMs,
          whenStoreFails: 'fail',
        })
        .then(resolve, reject)
    })
  }

  /** Resolves when something is found, nothing can be any more, or the time of a login is over. */
  async #found(look: () => Promise<unknown>): Promise<undefined> {
    const untilMs = performance.now() + this.#limitMs
    while (performance.now() < untilMs) {
      await this.#clock.sleep(POLL_MS)
      try {
        if ((await look()) !== undefined) return undefined
      } catch (error) {
        if (!canPass(error)) return undefined
      }
    }
    return undefined
  }
}
