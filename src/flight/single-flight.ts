import { MAX_TIMER_MS, settledWithin } from '../leaves/clock.js'
import { DEFAULTS } from '../leaves/defaults.js'
import { type FlightEvent, type FlightKind, publishFlight } from '../leaves/diagnostics.js'
import { RedisOAuthDatabaseError } from '../leaves/errors.js'
import { fingerprint } from './fingerprint.js'
import { acquireLease, type Lease, type LeaseStore } from './lease.js'
import { Wake } from './wake.js'

/** Waiters look by themselves this often, should a wake-up be lost. Jittered by a quarter. */
const POLL_MS = 250

export interface FlightOptions<T> {
  /**
   * Looks whether the work has been done meanwhile, and gives its result, else `undefined`. Called after each
   * wait and once more under the lease; the only way by which a result reaches another caller. It has to see what another process
   * did a moment ago: read by a database without `cache`, since memory may be stale until an invalidation arrives, and the work is
   * then done once more.
   * @example
   * ```ts
   * const makeReport = async () => {
   *   await db.storeToken('report', 'the report')
   *   return 'the report'
   * }
   * const recheck = async () => (await db.getToken('report')) ?? undefined
   * console.log(await db.singleFlight('report', makeReport, { recheck })) // the report
   * ```
   */
  recheck: () => Promise<T | undefined>
  /**
   * How long others wait for a holder that died, in milliseconds, at least 10. A living holder renews its lease.
   * @defaultValue `5000`
   */
  leaseMs?: number | undefined
  /**
   * How long a caller waits for others at most, in milliseconds.
   * @defaultValue `40000`
   */
  waitMs?: number | undefined
  /**
   * How long the lease is renewed at most, in milliseconds; then `signal` aborts.
   * @defaultValue `35000`
   */
  maxHoldMs?: number | undefined
  /**
   * When Redis fails before the work began: reject, or work without a lease.
   * @defaultValue `'fail'`
   * @example
   * ```ts
   * const countUsers = async () => 7
   * const recheck = async () => undefined
   * // Harmless if it is done twice, so rather twice than not at all.
   * await db.singleFlight('count', countUsers, { recheck, whenStoreFails: 'proceed' })
   * ```
   */
  whenStoreFails?: 'proceed' | 'fail' | undefined
}

/** What the library's own flights say of themselves as well. */
interface OwnFlightOptions<T> extends FlightOptions<T> {
  /** For whoever listens; `singleFlight` if left out. */
  kind?: FlightKind
}

/** Who runs flights: {@link Flights}, or what stands before it. */
export type FlightRunner = Pick<Flights, 'run' | 'runMarked'>

/** Work that cannot be done twice: it marks with `lease`, and then looks by itself whether it has been done. */
export type MarkedWork<T> = (lease: Lease) => Promise<T>

type Turn<T> = { lease: Lease; how: 'won' | 'tookOver' } | { found: T } | { gaveUp: true }

interface Flight<T> {
  kind: FlightKind
  id: string
  startedAt: number
  recheck: () => Promise<T | undefined>
  leaseMs: number
  waitMs: number
  maxHoldMs: number
  whenStoreFails: 'proceed' | 'fail'
  /** Whether the store failed, and the work was done without a lease. */
  isUncoordinated: boolean
}

/**
 * One piece of work at a time, first among the callers of this process, then among all processes by a lease.
 *
 * The guarantee: as long as the lease is held, nobody else works under that name; whoever had to wait looks with
 * `recheck` before it works. A holder that stalls for longer than the lease, or cannot reach Redis for as long, may
 * be overtaken: then `signal` aborts as soon as that holder can know, and what the work writes must be conditional
 * (compare-and-set), since a lease alone cannot stop a write that is on its way.
 */
export class Flights {
  readonly #leases: LeaseStore
  readonly #running = new Map<string, { flight: Flight<unknown>; flown: Promise<unknown> }>()

  constructor(leases: LeaseStore) {
    this.#leases = leases
  }

  /**
   * Runs `work` unless another caller has done it, and gives its result or what `recheck` found.
   *
   * @throws what `work` throws; `TIMEOUT` when others were at work for all of `waitMs`; the store's own error
   *   with `whenStoreFails: 'fail'`.
   */
  async run<T>(
    name: string,
    work: (signal: AbortSignal) => Promise<T>,
    options: OwnFlightOptions<T>,
  ): Promise<T> {
    const flight = resolveFlight(name, work, options)
    return await this.#enter(flight, () => this.#fly(flight, work))
  }

  /**
   * As `run`, for work that cannot be done twice. It is not preceded by a look under the lease, since only one after the mark counts.
   * @throws as `run` does, and the store's own error
   */
  async runMarked<T>(name: string, work: MarkedWork<T>, options: OwnFlightOptions<T>): Promise<T> {
    const flight = resolveFlight(name, work, options)
    return await this.#enter(flight, async () => {
      const turn = await this.#turn(flight)
      if ('found' in turn) return reused(flight, turn.found)
      if ('gaveUp' in turn) throw gaveUp(flight)
      return await this.#hold(flight, turn, work)
    })
  }

  /** First among the callers of this process. */
  async #enter<T>(flight: Flight<T>, fly: () => Promise<T>): Promise<T> {
    const { id } = flight
    if (this.#running.has(id)) tell('waited', flight)
    for (let running = this.#running.get(id); running; running = this.#running.get(id)) {
      await settledWithin(left(flight), running.flown)
      // One after the other, each would wait for the store anew.
      if (running.flight.isUncoordinated && flight.whenStoreFails === 'proceed') return await fly()
      const found = await this.#look(flight)
      if (found !== undefined) return reused(flight, found)
      if (left(flight) <= 0) throw gaveUp(flight)
    }
    // No await may come between the last look into the map and this entry.
    const flown = fly().finally(() => this.#running.delete(id))
    this.#running.set(id, { flight, flown })
    return await flown
  }

  async #look<T>(flight: Flight<T>): Promise<T | undefined> {
    try {
      return await flight.recheck()
    } catch (error) {
      if (flight.whenStoreFails === 'fail') throw error
      return undefined
    }
  }

  async #fly<T>(flight: Flight<T>, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    let turn: Turn<T>
    try {
      turn = await this.#lookedTurn(flight)
    } catch (error) {
      if (flight.whenStoreFails === 'fail') throw error
      tell('uncoordinated', flight)
      flight.isUncoordinated = true
      return await work(new AbortController().signal)
    }
    if ('found' in turn) return reused(flight, turn.found)
    if ('gaveUp' in turn) throw gaveUp(flight)
    return await this.#hold(flight, turn, (lease) => work(lease.lost))
  }

  async #hold<T>(
    flight: Flight<T>,
    { lease, how }: { lease: Lease; how: 'won' | 'tookOver' },
    work: (lease: Lease) => Promise<T>,
  ): Promise<T> {
    tell(how, flight)
    lease.lost.addEventListener('abort', () => tell('lost', flight))
    try {
      return await work(lease)
    } finally {
      await lease.release()
    }
  }

  /** Under the lease, or without it and with something. */
  async #turn<T>(flight: Flight<T>): Promise<Turn<T>> {
    const lease = await acquireLease(this.#leases, flight.id, flight)
    return lease ? { lease, how: 'won' } : await this.#queue(flight)
  }

  /** As `#turn`, and under the lease only with nothing found. */
  async #lookedTurn<T>(flight: Flight<T>): Promise<Turn<T>> {
    const turn = await this.#turn(flight)
    if (!('lease' in turn)) return turn
    try {
      const found = await flight.recheck()
      if (found === undefined) return turn
      await turn.lease.release()
      return { found }
    } catch (error) {
      await turn.lease.release()
      throw error
    }
  }

  async #queue<T>(flight: Flight<T>): Promise<Turn<T>> {
    tell('waited', flight)
    const wake = new Wake()
    // Subscribed before looking: a release between the two would go unnoticed otherwise. Without a subscription
    // the poll does.
    const watching = this.#leases.watch(flight.id, () => wake.fire())
    try {
      await settledWithin(POLL_MS, watching)
      for (;;) {
        wake.reset()
        const found = await flight.recheck()
        if (found !== undefined) return { found }
        const lease = await acquireLease(this.#leases, flight.id, flight)
        if (lease) return { lease, how: 'tookOver' }
        const leftMs = left(flight)
        if (leftMs <= 0) return { gaveUp: true }
        await wake.wait(Math.min(leftMs, POLL_MS * (0.75 + Math.random() / 2)))
      }
    } finally {
      watching.then((unwatch) => unwatch()).catch(() => undefined)
    }
  }
}

function tell(event: FlightEvent['event'], { kind, id, startedAt }: Flight<unknown>): void {
  publishFlight(event, kind, id, Math.round(performance.now() - startedAt))
}

function left(flight: { startedAt: number; waitMs: number }): number {
  return flight.startedAt + flight.waitMs - performance.now()
}

function reused<T>(flight: Flight<unknown>, found: T): T {
  tell('reused', flight)
  return found
}

function gaveUp(flight: Flight<unknown>): RedisOAuthDatabaseError {
  tell('gaveUp', flight)
  return new RedisOAuthDatabaseError(
    'TIMEOUT',
    `another caller has not finished the same work (flight ${flight.id.slice(0, 12)}) within ${flight.waitMs} ms. Nothing was done ` +
      'here; retry, or raise waitMs',
  )
}

function resolveFlight<T>(name: string, work: unknown, options: OwnFlightOptions<T>): Flight<T> {
  if (typeof name !== 'string' || name === '') {
    throw new TypeError('name must be a non-empty string')
  }
  if (typeof work !== 'function') throw new TypeError('work must be a function')
  if (typeof options?.recheck !== 'function') {
    throw new TypeError('options.recheck must be a function that gives the result, or undefined')
  }
  const { whenStoreFails = DEFAULTS.flight.whenStoreFails } = options
  if (whenStoreFails !== 'fail' && whenStoreFails !== 'proceed') {
    throw new TypeError("options.whenStoreFails must be 'fail' or 'proceed'")
  }
  const leaseMs = durationMs('leaseMs', options.leaseMs, 10)
  return {
    kind: options.kind ?? 'singleFlight',
    id: fingerprint(name),
    startedAt: performance.now(),
    recheck: options.recheck,
    leaseMs,
    waitMs: durationMs('waitMs', options.waitMs, 0),
    maxHoldMs: durationMs('maxHoldMs', options.maxHoldMs, leaseMs),
    whenStoreFails,
    isUncoordinated: false,
  }
}

function durationMs(
  option: 'leaseMs' | 'waitMs' | 'maxHoldMs',
  value: number | undefined,
  least: number,
): number {
  if (value === undefined) return Math.max(DEFAULTS.flight[option], least)
  if (!Number.isInteger(value) || value < least || value > MAX_TIMER_MS) {
    throw new TypeError(`options.${option} must be a whole number of milliseconds from ${least}`)
  }
  return value
}
