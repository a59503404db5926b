import type { Redis } from 'ioredis'
import type { RedisOAuthDatabaseErrorCode } from '../errors.js'
import type { TrackedCommand } from './command.js'
import type { CommandQueue } from './command-queue.js'
import type { Link, Node } from './connection.js'
import { codeOf } from './failure.js'

// What trying again cannot mend soon: waiting would only delay the answer.
const REFUSALS: ReadonlySet<RedisOAuthDatabaseErrorCode> = new Set([
  'AUTHENTICATION_FAILED',
  'AUTHENTICATION_REQUIRED',
  'DATABASE_OUT_OF_RANGE',
  'LOADING',
  'TOO_MANY_CLIENTS',
])

const MAX_IDLE_RETRY_MS = 1_000

export interface RetryLimits {
  /** Milliseconds without an answer after which the connection counts as dead. */
  readonly commandTimeout: number
  readonly retryDelayOnFailover: number
  readonly maxRetriesPerRequest: number
}

/**
 * Our own client of one server. ioredis connects and speaks; which command goes out when is decided here: nothing before
 * the server has answered a `PING` (until then a refused `SELECT` would send it to the wrong database), after a cut
 * again whatever got no reply, and in the order of the calls.
 */
export class OwnLink implements Link {
  readonly #client: Redis
  readonly #queue: CommandQueue
  readonly #limits: RetryLimits
  #isOpen = false
  #failures = 0
  #lastError: unknown
  /** Since when the present connection stands, by `performance.now()`. */
  #connectedAtMs = 0

  /** @param client - with `lazyConnect`, and neither queues nor resending of its own */
  constructor(client: Redis, queue: CommandQueue, limits: RetryLimits) {
    this.#client = client
    this.#queue = queue
    this.#limits = limits
    client.on('error', (error: unknown) => this.#failed(error))
    client.on('connect', () => {
      this.#connectedAtMs = performance.now()
    })
    client.on('ready', () => this.#verify())
    client.on('close', () => this.#lost())
    client.on('end', () => this.#giveUp(() => true))
    client.options.retryStrategy = () => this.#retryDelay()
    client.on('reconnecting', () => {
      // Nothing but an open socket or a waiting command (see CommandQueue) keeps the process alive.
      const { reconnectTimeout } = client as unknown as { reconnectTimeout?: NodeJS.Timeout | null }
      reconnectTimeout?.unref()
    })
  }

  send(command: TrackedCommand): void {
    command.failuresBefore = this.#failures
    const { status } = this.#client
    if (this.#isOpen) this.#transmit(command)
    else if (status === 'wait' || status === 'end') this.#client.connect().catch(() => {})
  }

  scanNodes(): readonly Node[] {
    return [undefined]
  }

  stalled(command: TrackedCommand): void {
    const { status } = this.#client
    const standsMs = performance.now() - this.#connectedAtMs
    const waitsForAnswer = command.writes > 0 || !this.#isOpen
    // A young connection may be well: the command has spent its time on waiting for it.
    if (
      waitsForAnswer &&
      (status === 'ready' || status === 'connect') &&
      standsMs >= this.#limits.commandTimeout
    ) {
      this.#client.disconnect(true)
    }
  }

  async close(): Promise<void> {
    const { stream } = this.#client
    this.#client.disconnect()
    if (stream === undefined || stream.destroyed) return
    // Not by `once` of node:events, which rejects when the socket ends with an error.
    await new Promise((resolve) => stream.once('close', resolve))
  }

  #verify(): void {
    this.#client.ping().then(
      () => this.#open(),
      // A user that may not PING was let in all the same.
      (error: unknown) =>
        codeOf(error) === 'PERMISSION_DENIED' ? this.#open() : this.#failed(error, true),
    )
  }

  #open(): void {
    if (this.#client.status !== 'ready') return
    this.#isOpen = true
    this.#failures = 0
    this.#lastError = undefined
    this.#queue.forEach((command) => {
      command.failuresBefore = 0
      this.#transmit(command)
    })
  }

  // What cannot go out now stays in the queue, for the next #open: `close` has not been heard of yet.
  #transmit(command: TrackedCommand): void {
    const client = this.#client
    if (client.status === 'ready' && client.stream.writable) client.sendCommand(command)
  }

  #failed(error: unknown, whileVerifying = false): void {
    this.#lastError = error
    if (!whileVerifying && !REFUSALS.has(codeOf(error))) return
    this.#isOpen = false
    if (REFUSALS.has(codeOf(error))) this.#giveUp(() => true)
    this.#client.disconnect(true)
  }

  #lost(): void {
    this.#isOpen = false
    this.#failures += 1
    this.#giveUp(
      (command) => this.#failures - command.failuresBefore > this.#limits.maxRetriesPerRequest,
    )
  }

  #giveUp(condition: (command: TrackedCommand) => boolean): void {
    const error = this.#lastError ?? new Error('Connection is closed.')
    this.#queue.forEach((command) => {
      if (condition(command)) command.fail(error)
    })
  }

  // While commands wait: as often as promised. Otherwise ever more slowly, and not all processes at once.
  #retryDelay(): number {
    const { retryDelayOnFailover } = this.#limits
    if (!this.#queue.isEmpty) return retryDelayOnFailover
    const backoff = Math.min(
      retryDelayOnFailover * 2 ** Math.min(this.#failures, 10),
      MAX_IDLE_RETRY_MS,
    )
    return Math.max(retryDelayOnFailover, backoff * (0.5 + Math.random() / 2))
  }
}
