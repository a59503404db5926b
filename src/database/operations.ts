import { MAX_TIMER_MS, within } from '../leaves/clock.js'
import { DEFAULTS } from '../leaves/defaults.js'
import { operationsAreWatched, publishOperation } from '../leaves/diagnostics.js'
import { codeIn, type RedisOAuthDatabaseError } from '../leaves/errors.js'
import { operationTrace } from '../leaves/tracing.js'
import type { RedisOAuthDatabaseOptions } from '../options/options.js'
import { closedFailure, partlyDoneFailure } from '../redis/driver/failure.js'
import { type Composition, compose } from './composition.js'
import { Method, watchedCall, watchedFailure } from './method.js'

/** How `close` may end. */
export interface CloseOptions {
  /**
   * How long calls under way may take to finish, in milliseconds, from 0; then they are given up.
   * @defaultValue `25000`, below the 30 seconds that Kubernetes leaves a process
   */
  readonly timeoutMs?: number | undefined
}

type Work<T> = (parts: Composition) => Promise<T> | T

/** From so many calls under way on, those of one turn of the event loop leave together, and their answers come together. */
const MANY_CALLS = 16

/**
 * The layer that every public call passes. It knows which calls are under way, so that `close` waits for all of them and can
 * give them up; it names them in their errors, and has an event made of each where somebody listens.
 */
export class Operations {
  readonly parts: Composition
  readonly #methods = new Map<string, Method>()
  readonly #waits = new Waits()
  readonly #givenUp = new AbortController()
  readonly #waitsForCallers: boolean
  #underWay = 0
  #onIdle: (() => void) | undefined
  #isClosed = false
  #hasEnded = false
  #closesAtMs = Number.POSITIVE_INFINITY
  #shuttingDown: Promise<void> | undefined
  /** When the turn of the event loop was first asked for the time. */
  #turnAtMs: number | undefined
  readonly #endTurn = (): void => {
    this.#turnAtMs = undefined
  }

  constructor(options: RedisOAuthDatabaseOptions) {
    this.parts = compose(options, this)
    this.#waitsForCallers = this.parts.sealer?.isCustom === true
  }

  /** Aborts when `close` gives up what is under way. */
  get givenUp(): AbortSignal {
    return this.#givenUp.signal
  }

  /** When `close` gives up what is under way, by `performance.now()`; infinite until it is called. */
  get closesAtMs(): number {
    return this.#closesAtMs
  }

  /** A call that may wait for anything: callers' code, an authorization server, other processes. */
  run<T>(name: string, work: Work<T>): Promise<T> {
    return this.#call(name, (parts) => this.#unlessGivenUp(work(parts), closedFailure))
  }

  /** As `run`, of what has several steps: a part of it may have happened when `close` gives it up. */
  runSteps<T>(name: string, work: Work<T>): Promise<T> {
    return this.#call(name, (parts) => this.#unlessGivenUp(work(parts), partlyDoneFailure))
  }

  /** A call that waits for commands alone. Those end with the connection, so this spares a promise. */
  send<T>(name: string, work: Work<T>): Promise<T> {
    return this.#waitsForCallers ? this.run(name, work) : this.#call(name, work)
  }

  /**
   * As `send`, of what may be in memory. What is there is counted by the cache, and no event is made of it: a clock costs as much as
   * that read. Of the others the time begins when memory has been looked at.
   */
  lookUp<T>(name: string, work: Work<T>): Promise<T> {
    if (!this.#waitsForCallers) return this.#call(name, work, true)
    return this.#call(name, (parts) => this.#unlessGivenUp(work(parts), closedFailure), true)
  }

  /** Has `close` wait for work that outlives the call which began it. */
  hold<T>(work: () => Promise<T>): Promise<T> {
    const held = work()
    this.#underWay += 1
    const ended = (): void => this.ended()
    held.then(ended, ended)
    return held
  }

  // What it throws becomes a rejection without the promises that an async function would put between.
  #call<T>(name: string, work: Work<T>, looksFirst = false): Promise<T> {
    if (!operationTrace.isWatched) return this.#begin(name, work, looksFirst)
    return operationTrace.run(name, () => this.#begin(name, work, looksFirst), codeIn)
  }

  #begin<T>(name: string, work: Work<T>, looksFirst: boolean): Promise<T> {
    const method = this.#method(name)
    const isWatched = operationsAreWatched()
    let startedAtMs = isWatched && !looksFirst ? this.now() : 0
    try {
      if (this.#isClosed) throw closedFailure(this.server)
      const result = work(this.parts)
      if (result instanceof Promise) {
        this.#underWay += 1
        if (!isWatched) return result.then(method.resolved, method.rejected)
        if (looksFirst) startedAtMs = this.now()
        const { resolved, rejected } = watchedCall(this, method, startedAtMs)
        return result.then(resolved, rejected)
      }
      if (isWatched && !looksFirst) publishOperation(name, this.now() - startedAtMs)
      return Promise.resolve(result)
    } catch (error) {
      if (!isWatched) return Promise.reject(method.failure(error, this.#call))
      if (looksFirst) startedAtMs = this.now()
      return Promise.reject(watchedFailure(this, method, startedAtMs, error, this.#call))
    }
  }

  /** @throws RedisOAuthDatabaseError `CLOSED` */
  checkOpen(name: string): void {
    if (this.#isClosed) throw closedFailure(this.server).named(name, this.server)
  }

  /** Whether `close` was called. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Whether nothing is under way any more, and nothing will be. */
  get hasEnded(): boolean {
    return this.#hasEnded
  }

  #method(name: string): Method {
    let method = this.#methods.get(name)
    if (method === undefined) {
      method = new Method(this, name)
      this.#methods.set(name, method)
    }
    return method
  }

  get server(): string {
    return this.parts.connection.server
  }

  /**
   * For events. While many calls are under way, those of one turn of the event loop share a reading of the clock, which costs as much as
   * all else of an event.
   */
  now(): number {
    if (this.#underWay < MANY_CALLS) return performance.now()
    if (this.#turnAtMs === undefined) {
      this.#turnAtMs = performance.now()
      setImmediate(this.#endTurn)
    }
    return this.#turnAtMs
  }

  /** For the methods: one call less is under way. */
  ended(): void {
    this.#underWay -= 1
    if (this.#underWay === 0) this.#onIdle?.()
  }

  /** @param failure - of a call that `close` gives up while it waits for something other than Redis */
  #unlessGivenUp<T>(
    result: Promise<T> | T,
    failure: (server: string) => RedisOAuthDatabaseError,
  ): Promise<T> | T {
    if (!(result instanceof Promise)) return result
    return new Promise((resolve, reject) => {
      const wait = this.#waits.begin(() => reject(failure(this.server)))
      const forget = (): void => this.#waits.end(wait)
      result.then(resolve, reject).finally(forget)
    })
  }

  /** Resolves within `timeoutMs`, whatever the calls under way wait for. */
  async close({ timeoutMs = DEFAULTS.close.timeoutMs }: CloseOptions = {}): Promise<void> {
    if (!Number.isInteger(timeoutMs) || timeoutMs < 0 || timeoutMs > MAX_TIMER_MS) {
      throw new TypeError(
        `options.timeoutMs must be a whole number of milliseconds from 0 to ${MAX_TIMER_MS}`,
      )
    }
    this.#isClosed = true
    this.#closesAtMs = Math.min(this.#closesAtMs, performance.now() + timeoutMs)
    if (this.givenUp.aborted) return
    this.#shuttingDown ??= this.#shutDown().catch(() => {})
    await within(timeoutMs, this.#shuttingDown, undefined, { keepsAlive: true })
      .catch(() => this.#giveUp())
      .catch(() => {})
  }

  async #shutDown(): Promise<void> {
    const { connection, subscriber, durability, tracking } = this.parts
    if (this.#underWay > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve
      })
    }
    this.#hasEnded = true
    // Before the others: what is under way may wait for a publication, or for replicas.
    await connection.close()
    durability?.close()
    await tracking?.close()
    await subscriber.close()
  }

  async #giveUp(): Promise<void> {
    if (this.#givenUp.signal.aborted) return
    const { connection, subscriber, durability, tracking, coordination } = this.parts
    this.#hasEnded = true
    coordination.giveUp()
    // Says of each command whether it was sent; so it goes first.
    connection.abandon().catch(() => {})
    durability?.close()
    tracking?.close().catch(() => {})
    subscriber.close().catch(() => {})
    this.#givenUp.abort()
    // Calls that waited for Redis have ended by then.
    await new Promise((resolve) => setImmediate(resolve))
    this.#waits.giveUp()
  }
}

/** Of a call that waits for more than Redis. */
class Wait {
  readonly giveUp: () => void
  previous: Wait | undefined
  next: Wait | undefined

  constructor(giveUp: () => void, previous: Wait | undefined) {
    this.giveUp = giveUp
    this.previous = previous
  }
}

/**
 * What `close` has to give up. A list and no Set: each table that a Set has outgrown refers to the next, so once one is in old space of V8, all that
 * come after it survive there, with what they hold.
 */
class Waits {
  #newest: Wait | undefined

  begin(giveUp: () => void): Wait {
    const wait = new Wait(giveUp, this.#newest)
    if (this.#newest !== undefined) this.#newest.next = wait
    this.#newest = wait
    return wait
  }

  /** Leaves nothing in it that refers to others, for the same reason. */
  end(wait: Wait): void {
    const { previous, next } = wait
    if (previous !== undefined) previous.next = next
    if (next === undefined) this.#newest = previous
    else next.previous = previous
    wait.previous = undefined
    wait.next = undefined
  }

  giveUp(): void {
    for (let wait = this.#newest; wait !== undefined; wait = wait.previous) wait.giveUp()
  }
}
