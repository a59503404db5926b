import type { Redis } from 'ioredis'
import { timeLimit } from '../../leaves/clock.js'
import { publishConnection } from '../../leaves/diagnostics.js'
import { AWAY_CODES, REFUSED_CODES, type RedisOAuthDatabaseError } from '../../leaves/errors.js'
import { type CommandOwner, type Effect, TrackedCommand } from '../driver/command.js'
import { closedFailure, failureOf, partlyDownFailure } from '../driver/failure.js'
import { socketOf } from '../driver/internals/socket.js'
import type { Argument } from '../protocol/frame.js'
import { bytes, integer, listOf, orNil, pong, type Reader, text } from '../protocol/replies.js'
import { CommandQueue, type TimeLimits } from './command-queue.js'
import type { Layout, Link, Node } from './link.js'
import { ReadBatch, type Reads } from './read-batch.js'
import { Turn } from './turn.js'

const nullableText = orNil(text)
const nullableBytes = orNil(bytes)

/** Measured: if fewer leave together, a `GET` for each costs less than the bookkeeping of an `MGET`. */
const MIN_KEYS = 8

/**
 * Commands to one Redis. Each settles: by its reply, by its link giving up, or when its time is over, which is
 * `connectionTimeout` until there is the first connection, and `commandTimeout` from then on.
 */
export class Connection implements CommandOwner {
  /** How messages name the server. */
  readonly server: string
  /** Milliseconds after which a command that could be sent is given up. */
  readonly commandTimeout: number
  readonly #queue: CommandQueue
  readonly #link: Link
  readonly #strings: ReadBatch<string>
  readonly #buffers: ReadBatch<Buffer>
  readonly #turn: Turn
  #unansweredAtMs = Number.NEGATIVE_INFINITY
  #closing: Promise<void> | undefined
  #isEnded = false

  constructor(server: string, limits: TimeLimits, openLink: (queue: CommandQueue) => Link) {
    this.server = server
    this.commandTimeout = limits.commandTimeout
    this.#queue = new CommandQueue(limits, (command) => this.#expire(command))
    this.#link = openLink(this.#queue)
    const slotOf = (key: string): number => this.#link.slotOf(key)
    this.#strings = new ReadBatch(this.#readsOf(nullableText), slotOf)
    this.#buffers = new ReadBatch(this.#readsOf(nullableBytes), slotOf)
    this.#turn = new Turn(
      () => this.#link.cork(),
      () => this.#flush(),
    )
  }

  /** The value of a string key. Many reads of one turn leave as one command, in their place among the others. */
  get(key: string): Promise<string | null> {
    const size = this.#size(1)
    if (size < MIN_KEYS)
      return this.start('read', 'get', [key], nullableText, undefined, size).promise
    this.#turn.begin()
    return this.#strings.get(key, size)
  }

  getBuffer(key: string): Promise<Buffer | null> {
    const size = this.#size(1)
    if (size < MIN_KEYS)
      return this.start('read', 'get', [key], nullableBytes, undefined, size).promise
    this.#turn.begin()
    return this.#buffers.get(key, size)
  }

  /** The values of string keys. One round trip, unless a Cluster is asked for keys of several nodes. */
  getAll(keys: readonly string[]): Promise<(string | null)[]> {
    this.#beginMany()
    return this.#strings.getAll(keys)
  }

  getAllBuffers(keys: readonly string[]): Promise<(Buffer | null)[]> {
    this.#beginMany()
    return this.#buffers.getAll(keys)
  }

  /** Resolves with what `read` makes of the reply; rejects if it is no reply to such a command. */
  send<T>(effect: Effect, name: string, args: Argument[], read: Reader<T>): Promise<T> {
    return this.start(effect, name, args, read).promise
  }

  /**
   * As `send`, for callers that have to know what became of the command.
   * @param size - how many operations leave together, where that is known
   */
  start<T>(
    effect: Effect,
    name: string,
    args: Argument[],
    read: Reader<T | Promise<T>>,
    node?: Node,
    size?: number,
  ): TrackedCommand<T> {
    this.#flush()
    return this.#start(effect, name, args, read, node, size)
  }

  /** Gives a command up at a moment, by `performance.now()`, that is before its time is over. */
  until<T>(endsAt: number, command: TrackedCommand<T>): Promise<T> {
    const callOff = timeLimit(endsAt - performance.now(), () => {
      if (!command.settled) this.#expire(command)
    })
    return command.promise.finally(callOff)
  }

  #expire(command: TrackedCommand): void {
    publishConnection('timedOut')
    command.fail(this.#link.stalled(command) ?? new Error('timed out'))
  }

  #start<T>(
    effect: Effect,
    name: string,
    args: Argument[],
    read: Reader<T | Promise<T>>,
    node?: Node,
    size?: number,
  ): TrackedCommand<T> {
    const command = new TrackedCommand<T>(this, effect, name, args, read)
    const together = size ?? this.#size(command.operations)
    this.#queue.add(command)
    if (this.#isEnded) {
      command.fail(closedFailure(this.server))
    } else {
      if (together > 1) this.#turn.begin()
      this.#link.send(command, node)
      this.#turn.sent(command.operations, together)
    }
    return command
  }

  /** What a batch of reads sends. */
  #readsOf<T>(read: Reader<T | null>): Reads<T> {
    return {
      get: (key) => this.#start('read', 'get', [key], read).promise,
      mget: (keys) => this.#start('read', 'mget', keys, listOf(read, keys.length)).promise,
      exists: (keys) => this.#start('read', 'exists', keys, integer).promise,
    }
  }

  /** How many operations have no answer yet, those that were put off among them. */
  get #underWay(): number {
    return this.#queue.operations + this.#strings.size + this.#buffers.size
  }

  /** How many operations leave together, when so many come next. */
  #size(operations: number): number {
    return this.#turn.size(this.#underWay + operations, this.#queue.addedAtMs)
  }

  #beginMany(): void {
    this.#flush()
    this.#turn.begin()
  }

  /** Sends the reads that were put off, before what is called after them. */
  #flush(): void {
    this.#strings.flush()
    this.#buffers.flush()
  }

  /** Resolves once Redis has answered, also by a refusal: a `PING` is refused while it cannot write to its disk. */
  async reached(): Promise<void> {
    try {
      await this.send('read', 'ping', [], pong)
    } catch (error) {
      const { code } = error as RedisOAuthDatabaseError
      // Of a Cluster without nodes it is the question for them that was refused.
      if (!REFUSED_CODES.has(code) || this.masters().length === 0) throw error
    }
  }

  /** The masters that are known. */
  masters(): readonly Node[] {
    return this.#link.masters()
  }

  settled(command: TrackedCommand): void {
    this.#queue.remove(command)
  }

  keeps(command: TrackedCommand, error: unknown): boolean {
    return !command.settled && this.#link.keeps(command, error)
  }

  failureOf(error: unknown, command: TrackedCommand): RedisOAuthDatabaseError {
    const failure = failureOf(error, this.server, command)
    if (AWAY_CODES.has(failure.code)) this.#unansweredAtMs = performance.now()
    return failure
  }

  /** The driver's client that a command went out on; undefined when it has lost that connection since. */
  carrierOf({ sentOver }: TrackedCommand): Redis | undefined {
    return this.#link.clients().find((client) => socketOf(client) === sentOver)
  }

  /** @throws RedisOAuthDatabaseError `CLUSTER_DOWN`: keys of a part that nobody serves would be missed; `PERMISSION_DENIED` */
  async layout(limitMs: number = this.commandTimeout): Promise<Layout> {
    let layout: Layout | undefined
    try {
      layout = await this.#link.layout(limitMs)
    } catch (error) {
      throw failureOf(error, this.server, { name: 'cluster', effect: 'read', writes: 0 })
    }
    if (layout === undefined) throw partlyDownFailure(this.server)
    return layout
  }

  /** When Redis was last seen to be away, slow, or back, by `performance.now()`. */
  get troubledAtMs(): number {
    return Math.max(this.#unansweredAtMs, this.#queue.slowAtMs, this.#link.reopenedAtMs)
  }

  /** Lets what is under way end, then ends the connection. Every call returns the same promise. */
  close(): Promise<void> {
    this.#closing ??= this.#shutDown()
    return this.#closing
  }

  /** Fails what is under way, and ends the connection. */
  async abandon(): Promise<void> {
    this.#isEnded = true
    this.#turn.end()
    this.#queue.forEach((command) => {
      command.fail(closedFailure(this.server))
    })
    this.#queue.stop()
    await this.#link.close()
  }

  async #shutDown(): Promise<void> {
    this.#turn.end()
    while (!this.#queue.isEmpty) await this.#queue.drained()
    this.#isEnded = true
    this.#queue.stop()
    await this.#link.close()
  }
}
