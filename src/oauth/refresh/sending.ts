import type { Lease, StandingMark } from '../../flight/lease.js'
import type { Clock } from '../../leaves/clock.js'
import { RedisOAuthDatabaseError } from '../../leaves/errors.js'
import type { FlightTiming } from '../timing.js'
import { isLong, type Rest, type Rests } from './rests.js'

/**
 * What a refresh passes through, by the names of the model that searches all its interleavings
 * (`test/support/model/state.ts`). `waitingForRescue` and `resting` only put it off.
 */
export const REFRESH_PHASES = [
  'waitingForLease',
  'waitingForRescue',
  'marking',
  'waitingForMark',
  'checkingRecord',
  'resting',
  'sending',
  'awaitingAnswer',
  'saving',
  'clearing',
] as const
type RefreshPhase = (typeof REFRESH_PHASES)[number]
/** Those that are passed here. */
type SendingPhase = Extract<
  RefreshPhase,
  'waitingForRescue' | 'marking' | 'waitingForMark' | 'checkingRecord' | 'resting' | 'sending'
>

/** What came of the attempt to send. `lost`: the lease is another's, and nothing was sent. */
export type Sent<T> =
  | { kind: 'sent' }
  | { kind: 'found'; found: T }
  | { kind: 'resting'; rest: Rest }
  | { kind: 'lost' }

export interface SendingParts<T> {
  readonly lease: Lease
  readonly rests: Rests
  readonly clock: Clock
  readonly timing: FlightTiming
  /** When the store was last in trouble, by `performance.now()`. */
  troubledAtMs(): number
  /** When nothing can be saved any more, by `performance.now()`. */
  closesAtMs(): number
  /** What the records say, undefined while the token has to be sent. */
  look(): Promise<T | undefined>
}

const POLL_MS = 100
/** Who closes with less time left sends nothing any more: an outage may last as long, and the new pair would be lost with the process. */
const LEAST_LEFT_MS = 10_000

/**
 * Brings a refresh to the moment in which its token may go out: the lease is held, the token is marked as sent, nobody else's mark
 * has been there for less than its owner asks others to wait, and the record has been looked at after all that.
 */
export class Sending<T> {
  readonly #parts: SendingParts<T>
  #phase: SendingPhase = 'waitingForRescue'
  /** The mark of another that is waited for, or has been. */
  #awaited: { mark: StandingMark; untilMs: number } | undefined
  #hasEntered = false
  #restLeftMs = 0
  /** The trouble that has been waited for. */
  #waitedForMs = Number.NEGATIVE_INFINITY
  #mayWaitAgain = true

  constructor(parts: SendingParts<T>) {
    this.#parts = parts
  }

  /**
   * Resolves right before the token may be sent: the caller sends it without awaiting anything else.
   * @throws RedisOAuthDatabaseError `CLOSED` where too little time is left to save the new pair
   */
  async prepare(): Promise<Sent<T>> {
    for (;;) {
      if (this.#parts.closesAtMs() - performance.now() < LEAST_LEFT_MS) throw closesTooSoon()
      const end = await this.#step()
      if (end !== undefined) return end
    }
  }

  #step(): Promise<Sent<T> | undefined> | Sent<T> | undefined {
    switch (this.#phase) {
      case 'waitingForRescue':
        return this.#waitForRescue()
      case 'marking':
        return this.#mark()
      case 'waitingForMark':
        return this.#waitForMark()
      case 'checkingRecord':
        return this.#checkRecord()
      case 'resting':
        return this.#rest()
      case 'sending':
        return this.#send()
    }
  }

  /**
   * While the store was away, marks may have been lost with it, and a process whose refresh had gone through could not save its
   * pair: it goes first.
   */
  async #waitForRescue(): Promise<Sent<T> | undefined> {
    const { timing, clock } = this.#parts
    // Asked once: with one node of a Cluster down there may be trouble all the time.
    this.#waitedForMs = this.#parts.troubledAtMs()
    const untilMs = this.#waitedForMs + timing.graceMs
    while (performance.now() < untilMs) {
      await clock.sleep(POLL_MS)
      const found = await this.#parts.look()
      if (found !== undefined) return { kind: 'found', found }
    }
    this.#phase = 'marking'
    return undefined
  }

  async #mark(): Promise<Sent<T> | undefined> {
    const { lease, timing } = this.#parts
    const awaited = this.#awaited
    const isOver = awaited !== undefined && performance.now() >= awaited.untilMs
    const marking = await lease.mark(
      { markMs: timing.requestMs + timing.rescueMs, waitMs: timing.markWaitMs },
      isOver ? awaited.mark : undefined,
    )
    if (marking === 'lost') return { kind: 'lost' }
    if (marking === 'marked') {
      this.#phase = 'checkingRecord'
      return undefined
    }
    if (marking.text !== awaited?.mark.text) {
      const waitMs = Math.max(timing.markWaitMs, marking.waitMs)
      this.#awaited = { mark: marking, untilMs: performance.now() + waitMs }
    }
    this.#phase = 'waitingForMark'
    return undefined
  }

  /** Until the record changes, the mark does, or its time is over; then it marks again. */
  async #waitForMark(): Promise<Sent<T> | undefined> {
    await this.#parts.clock.sleep(POLL_MS)
    const found = await this.#parts.look()
    if (found !== undefined) return { kind: 'found', found }
    // The owner of the mark may have been there meanwhile, so the wait begins anew.
    if (this.#parts.lease.lost.aborted) return { kind: 'lost' }
    this.#markAgain()
    return undefined
  }

  /** After a wait, in which the store may have been away. For the same reason that is waited for only once. */
  #markAgain(): void {
    const isTroubled = this.#parts.troubledAtMs() > this.#waitedForMs
    this.#phase = isTroubled && this.#mayWaitAgain ? 'waitingForRescue' : 'marking'
    if (isTroubled) this.#mayWaitAgain = false
  }

  async #checkRecord(): Promise<Sent<T> | undefined> {
    const { rests, timing } = this.#parts
    const [found, rest] = await Promise.all([
      this.#parts.look(),
      this.#hasEntered ? null : rests.enter(timing.leaseMs),
    ])
    if (found !== undefined) return { kind: 'found', found }
    if (rest === null) {
      this.#hasEntered = true
      this.#phase = 'sending'
      return undefined
    }
    if (isLong(rest)) return { kind: 'resting', rest }
    this.#restLeftMs = rest.leftMs
    this.#phase = 'resting'
    return undefined
  }

  /** It may end before its time, and others may take the lease meanwhile: so both are looked at again. */
  async #rest(): Promise<undefined> {
    await this.#parts.clock.sleep(Math.min(this.#restLeftMs, 2 * POLL_MS))
    this.#markAgain()
  }

  /**
   * A timer cannot tell of a stall in time, so the clock is asked. A lease that was lost may have been had back, but others may have
   * sent the token meanwhile, and cleared their mark.
   */
  #send(): Sent<T> | undefined {
    const { lease } = this.#parts
    if (lease.lost.aborted) return { kind: 'lost' }
    if (lease.isHeld) return { kind: 'sent' }
    this.#phase = 'marking'
    return undefined
  }
}

function closesTooSoon(): RedisOAuthDatabaseError {
  return new RedisOAuthDatabaseError(
    'CLOSED',
    'close() left too little time to save new tokens, so the refresh token was not sent. The session was not changed; retry in another process',
  )
}

export function waitedTooLong(waitMs: number): RedisOAuthDatabaseError {
  return new RedisOAuthDatabaseError(
    'TIMEOUT',
    `other processes did not finish the refresh of this token within ${waitMs} ms, or Redis was away. Nothing was sent here; retry`,
  )
}
