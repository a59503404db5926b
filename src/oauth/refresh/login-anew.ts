import type { Clock } from '../../clock.js'
import { fingerprint } from '../../flight/fingerprint.js'
import { type LeaseStore, newOwner } from '../../flight/lease.js'
import type { StoredToken } from '../../record/origin.js'
import type { RefreshRecords } from '../places/records.js'
import type { Place } from '../places/token-places.js'
import type { FlightTiming } from '../timing.js'

interface Parts {
  leases: LeaseStore
  records: RefreshRecords
  /** The error that makes the client authorize anew within the same call; null when there is none. */
  authorizeAnew: ((place: Place) => Promise<Error | null> | Error | null) | null
  clock: Clock
  timing: FlightTiming
}

const POLL_MS = 100

/** Names a login, in a flight of its own or by the lease of that flight. */
export function loginName({ userId, url }: Pick<Place, 'userId' | 'url'>): string {
  return fingerprint('authorize', userId, url)
}

/**
 * After a refusal: the first to come authorizes anew, the others wait a while for what it saves. The claim is never
 * given back; it runs out, and then whoever still waits authorizes by itself.
 */
export class LoginAnew {
  readonly #parts: Parts
  readonly #place: Place
  readonly #refreshToken: string

  constructor(parts: Parts, place: Place, refreshToken: string) {
    this.#parts = parts
    this.#place = place
    this.#refreshToken = refreshToken
  }

  /**
   * What another has saved; null if the client has to be told of the refusal.
   * @throws the error upon which the client authorizes anew
   */
  async run(): Promise<StoredToken | null> {
    const { authorizeAnew, leases, timing } = this.#parts
    if (authorizeAnew === null) return null
    const claim = fingerprint(loginName(this.#place))
    const untilMs = performance.now() + timing.authorizeMs
    if (!(await leases.acquire(claim, newOwner(), timing.authorizeMs))) {
      const saved = await this.#savedByOthers(untilMs)
      if (saved !== null) return saved
    }
    const { userId, url, resourceUrl } = this.#place
    const error = await authorizeAnew({ userId, url, resourceUrl })
    if (error) throw error
    return null
  }

  async #savedByOthers(untilMs: number): Promise<StoredToken | null> {
    while (performance.now() < untilMs) {
      const stored = await this.#parts.records.read(this.#place)
      if (stored !== null && stored.token.refreshToken !== this.#refreshToken) return stored
      await this.#parts.clock.sleep(POLL_MS)
    }
    return null
  }
}
