import type { Redis } from 'ioredis'
import { timeLimit } from '../../leaves/clock.js'
import { publishConnection } from '../../leaves/diagnostics.js'
import { PERSISTENT_CODES } from '../../leaves/errors.js'
import type { CommandQueue } from '../connection/command-queue.js'
import { type Layout, type Link, type Node, ONE_SERVER } from '../connection/link.js'
import type { TrackedCommand } from '../driver/command.js'
import { corkAll } from '../driver/cork.js'
import { codeOf, firstFailure, isReply, lacksReplicas } from '../driver/failure.js'
import { setOptions } from '../driver/internals/clients.js'
import { disconnect, resetSocket, socketOf } from '../driver/internals/socket.js'
import {
  attemptLimitMs,
  idleDelayMs,
  NEVER_ANSWERED,
  NO_CONNECTION,
  type RetryLimits,
} from '../driver/retry.js'

export interface OwnLinkOptions extends RetryLimits {
  /** Sets what the client authenticates with; awaited before each attempt to connect. */
  readonly authenticate?: (() => Promise<void>) | undefined
  /** Whether Sentinel names the server: then it may be an old master that has not heard of its successor. */
  readonly isSentinel: boolean
}

/**
 * Our own client of one server. ioredis connects and speaks; when to connect, and which command goes out when, is decided
 * here: nothing before the server has answered (until then a refused `SELECT` would send it to the wrong database), after
 * a cut again whatever got no reply and may run twice, and in the order of the calls.
 */
export class OwnLink implements Link {
  readonly #client: Redis
  readonly #queue: CommandQueue
  readonly #options: OwnLinkOptions
  reopenedAtMs: number = Number.NEGATIVE_INFINITY
  #isOpen = false
  #wasOpen = false
  #isConnecting = false
  #isEnding = false
  #isClosed = false
  #failures = 0
  #lastError: unknown
  #retry: NodeJS.Timeout | undefined
  /** Of the attempt to connect that is under way. */
  #callOffLimit: () => void = () => {}
  /** Of the last attempt to connect: when it succeeded or failed, by `performance.now()`. */
  #attemptedAtMs = 0

  /** @param client - with `lazyConnect`, and neither retries, queues nor resending of its own */
  constructor(client: Redis, queue: CommandQueue, options: OwnLinkOptions) {
    this.#client = client
    this.#queue = queue
    this.#options = options
    client.on('error', (error: unknown) => this.#failed(error))
    client.on('connect', () => {
      this.#attemptedAtMs = performance.now()
    })
    client.on('ready', () => {
      void this.#verify()
    })
    client.on('end', () => this.#lost())
  }

  send(command: TrackedCommand): void {
    command.failuresBefore = this.#failures
    if (this.#isOpen) this.#transmit(command)
    else if (!this.#isConnecting) this.#connectSoon()
  }

  /** What ioredis says of a command counts only if Redis said it: until then it is ours to send again. */
  keeps(_command: TrackedCommand, error: unknown): boolean {
    if (!isReply(error)) return !this.#isClosed
    if (codeOf(error) !== 'READ_ONLY') return false
    const { isSentinel, commandTimeout } = this.#options
    // An old master: Sentinel knows who took over, and so may the DNS. But one whose replicas fail is still the master.
    const isOld = this.#standsMs() >= commandTimeout
    const isFollowed = isSentinel && (isOld || !lacksReplicas(error))
    if (isFollowed || isOld) this.#reset()
    return isFollowed
  }

  async layout(): Promise<Layout> {
    return ONE_SERVER
  }

  masters(): readonly Node[] {
    return [undefined]
  }

  clients(): readonly Redis[] {
    return [this.#client]
  }

  slotOf(): number {
    return 0
  }

  cork(): () => void {
    return corkAll([socketOf(this.#client)])
  }

  stalled(command: TrackedCommand): unknown {
    const { status } = this.#client
    const isConnected = status === 'ready' || status === 'connect'
    if (!isConnected || !this.#wasOpen) {
      // What was sent has had no answer; that the connection was dropped for it is not the reason.
      return this.#reason() ?? (command.writes > 0 ? undefined : NO_CONNECTION)
    }
    // A young connection may be well: the command has spent its time on waiting for it.
    const isOld = this.#isOpen && this.#standsMs() >= this.#options.commandTimeout
    if (isOld && command.writes > 0) {
      // Nothing of what it holds is to arrive later: the callers are told that it ended.
      resetSocket(socketOf(this.#client))
      this.#reset()
    }
    return undefined
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#retry)
    this.#callOffLimit()
    await disconnect(this.#client)
  }

  #connectSoon(): void {
    const { retryDelayOnFailover } = this.#options
    const delayMs = this.#queue.isEmpty
      ? idleDelayMs(this.#failures, retryDelayOnFailover)
      : retryDelayOnFailover
    const sinceMs = performance.now() - this.#attemptedAtMs
    clearTimeout(this.#retry)
    if (this.#failures === 0 || sinceMs >= delayMs) {
      void this.#connect()
    } else {
      this.#retry = setTimeout(() => {
        void this.#connect()
      }, delayMs - sinceMs)
      // Only an open socket or a waiting command (see CommandQueue) keeps the process alive.
      this.#retry.unref()
    }
  }

  async #connect(): Promise<void> {
    // Where the last one has not ended yet, #lost connects.
    if (this.#isConnecting || this.#isClosed || !this.#isIdle) return
    this.#isConnecting = true
    this.#isEnding = false
    try {
      await this.#options.authenticate?.()
    } catch (error) {
      this.#failed(error)
      this.#lost()
      return
    }
    if (this.#isClosed) return
    this.#limitAttempt()
    // What makes it fail comes as an `error` event, and `end` follows.
    this.#client.connect().catch(() => {})
  }

  #limitAttempt(): void {
    const limitMs = attemptLimitMs(this.#options, this.#wasOpen, this.#failures)
    this.#callOffLimit = timeLimit(limitMs, () => {
      this.#failed(NO_CONNECTION)
      this.#reset()
    })
  }

  #endAttempt(): void {
    this.#callOffLimit()
    this.#isConnecting = false
  }

  async #verify(): Promise<void> {
    try {
      if (this.#options.isSentinel) {
        const [role] = await this.#client.role()
        if (role !== 'master') throw new Error('Sentinel named a server that is no master')
      } else {
        await this.#client.ping()
      }
    } catch (error) {
      // That it was ended is not the reason.
      if (this.#isEnding) return
      // Redis serves whom it answers so, as a user that may not ask, or while it cannot write to its disk.
      if (!isReply(error) || PERSISTENT_CODES.has(codeOf(error))) {
        this.#failed(error)
        this.#reset()
        return
      }
    }
    this.#open()
  }

  #open(): void {
    if (this.#client.status !== 'ready') return
    this.#isOpen = true
    this.#endAttempt()
    if (this.#wasOpen || this.#failures > 0) this.reopenedAtMs = performance.now()
    const event = this.#wasOpen ? 'reconnected' : 'connected'
    if (!this.#wasOpen) this.#connected()
    this.#failures = 0
    this.#lastError = undefined
    this.#queue.forEach((command) => {
      command.failuresBefore = 0
      this.#transmit(command)
    })
    // At the end: who hears it may call, and what is called then goes out at once.
    publishConnection(event)
  }

  /** For the first time. */
  #connected(): void {
    this.#wasOpen = true
    this.#queue.connected()
    const { commandTimeout, connectionTimeout } = this.#options
    const { sentinels } = this.#client.options
    if (!sentinels) return
    // From now on commands wait no longer than that.
    const limitMs = Math.min(commandTimeout, connectionTimeout)
    setOptions(this.#client, { sentinelCommandTimeout: Math.ceil(limitMs / sentinels.length) })
  }

  // What cannot go out now stays in the queue, for the next #open: `end` has not been heard of yet.
  #transmit(command: TrackedCommand): void {
    const client = this.#client
    if (client.status === 'ready' && socketOf(client)?.writable) client.sendCommand(command)
  }

  #standsMs(): number {
    return performance.now() - this.#attemptedAtMs
  }

  #failed(error: unknown): void {
    this.#lastError = error
    // Redis itself says no: to AUTH, or to SELECT, after which commands would go to the wrong database.
    if (!isReply(error) && !PERSISTENT_CODES.has(codeOf(error))) return
    this.#giveUp(() => true)
    this.#reset()
  }

  // Often called for many commands at once.
  #reset(): void {
    this.#isOpen = false
    if (this.#isEnding) return
    this.#isEnding = true
    // Else ioredis would tell the end of a connection that there never was.
    if (!this.#isIdle) this.#client.disconnect()
  }

  /** Whether ioredis has no connection, and begins none by itself. */
  get #isIdle(): boolean {
    const { status } = this.#client
    return status === 'wait' || status === 'end'
  }

  #lost(): void {
    const wasAttempt = this.#isConnecting
    this.#isOpen = false
    this.#endAttempt()
    if (this.#isClosed) return
    if (wasAttempt) publishConnection('failed', codeOf(this.#lastError ?? NEVER_ANSWERED))
    else publishConnection('lost')
    this.#failures += 1
    this.#attemptedAtMs = performance.now()
    const { maxRetriesPerRequest } = this.#options
    this.#giveUp(
      (command) =>
        command.isSpent || this.#failures - command.failuresBefore > maxRetriesPerRequest,
    )
    this.#connectSoon()
  }

  /** Why there is no connection. */
  #reason(): unknown {
    return this.#wasOpen || this.#lastError === undefined
      ? this.#lastError
      : firstFailure(this.#lastError)
  }

  #giveUp(condition: (command: TrackedCommand) => boolean): void {
    const error =
      this.#reason() ?? (this.#wasOpen ? new Error('Connection is closed.') : NEVER_ANSWERED)
    this.#queue.forEach((command) => {
      if (condition(command)) command.fail(error)
    })
  }
}
