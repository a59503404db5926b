import type { Redis } from 'ioredis'
import { AWAY_CODES, type RedisOAuthDatabaseError } from '../../errors.js'
import { type CommandOwner, type Effect, TrackedCommand } from '../driver/command.js'
import { closedFailure, failureOf, partlyDownFailure } from '../driver/failure.js'
import type { Argument } from '../driver/frame.js'
import { CommandQueue } from './command-queue.js'
import type { Layout, Link, Node } from './link.js'
import { ReadBatch } from './read-batch.js'
import { Turn } from './turn.js'

/** Commands to one Redis. Each settles: by its reply, by its link giving up, or at `commandTimeout`. */
export class Connection implements CommandOwner {
  /** How messages name the server. */
  readonly server: string
  /** Milliseconds after which a command is given up. */
  readonly commandTimeout: number
  readonly #queue: CommandQueue
  readonly #link: Link
  readonly #holds = new Set<Promise<unknown>>()
  readonly #strings: ReadBatch<string>
  readonly #buffers: ReadBatch<Buffer>
  readonly #turn: Turn
  #unansweredAtMs = Number.NEGATIVE_INFINITY
  #closing: Promise<void> | undefined
  #isEnded = false

  constructor(server: string, commandTimeout: number, openLink: (queue: CommandQueue) => Link) {
    this.server = server
    this.commandTimeout = commandTimeout
    this.#queue = new CommandQueue(commandTimeout, (command) => {
      command.fail(this.#link.stalled(command) ?? new Error('timed out'))
    })
    this.#link = openLink(this.#queue)
    const slotOf = (key: string): number => this.#link.slotOf(key)
    this.#strings = new ReadBatch(
      (name, keys) => this.#start('read', name, keys, 'utf8').promise,
      slotOf,
    )
    this.#buffers = new ReadBatch(
      (name, keys) => this.#start('read', name, keys, null).promise,
      slotOf,
    )
    this.#turn = new Turn(
      () => this.#link.cork(),
      () => this.#flush(),
    )
  }

  /** The value of a string key. Reads of one turn leave as one command, in their place among the others. */
  get(key: string): Promise<string | null> {
    if (this.#isAlone) return this.#start('read', 'get', [key], 'utf8').promise
    this.#turn.begin()
    return this.#strings.get(key)
  }

  getBuffer(key: string): Promise<Buffer | null> {
    if (this.#isAlone) return this.#start('read', 'get', [key], null).promise
    this.#turn.begin()
    return this.#buffers.get(key)
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

  /** Resolves with the reply, strings decoded as `replyEncoding`, or as Buffers when that is null. */
  send(
    effect: Effect,
    name: string,
    args: Argument[],
    replyEncoding?: BufferEncoding | null,
    // biome-ignore lint/suspicious/noExplicitAny: the caller that names a command knows its reply
  ): Promise<any> {
    return this.start(effect, name, args, replyEncoding).promise
  }

  /** As `send`, for who has to know what became of the command. */
  start(
    effect: Effect,
    name: string,
    args: Argument[],
    replyEncoding: BufferEncoding | null = 'utf8',
    node?: Node,
  ): TrackedCommand {
    this.#flush()
    if (!this.#isAlone) this.#turn.begin()
    return this.#start(effect, name, args, replyEncoding, node)
  }

  #start(
    effect: Effect,
    name: string,
    args: Argument[],
    replyEncoding: BufferEncoding | null,
    node?: Node,
  ): TrackedCommand {
    const command = new TrackedCommand(this, effect, name, args, replyEncoding)
    this.#queue.add(command)
    if (this.#isEnded) {
      command.fail(closedFailure(this.server))
    } else {
      this.#link.send(command, node)
      this.#turn.sent(name === 'mget' ? args.length : 1)
    }
    return command
  }

  /** Whether a command is likely to travel alone: then it leaves at once, as with bare ioredis. */
  get #isAlone(): boolean {
    return this.#queue.isEmpty && this.#turn.isQuiet
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
    return this.#link.clients().find(({ stream }) => stream === sentOver)
  }

  /** @throws RedisOAuthDatabaseError `CLUSTER_DOWN`: keys of a part that nobody serves would be missed */
  async layout(): Promise<Layout> {
    const layout = await this.#link.layout(this.commandTimeout)
    if (layout === undefined) throw partlyDownFailure(this.server)
    return layout
  }

  /** When Redis was last seen to be away or to be back, by `performance.now()`. */
  get troubledAtMs(): number {
    return Math.max(this.#unansweredAtMs, this.#link.reopenedAtMs)
  }

  get isClosed(): boolean {
    return this.#closing !== undefined
  }

  /** Runs work of several commands that `close` waits for. */
  hold<T>(work: () => Promise<T>): Promise<T> {
    const held = work()
    const done: Promise<unknown> = held.then(
      () => this.#holds.delete(done),
      () => this.#holds.delete(done),
    )
    this.#holds.add(done)
    return held
  }

  /** Lets what is under way end, then ends the connection. Every call returns the same promise. */
  close(): Promise<void> {
    this.#closing ??= this.#shutDown()
    return this.#closing
  }

  async #shutDown(): Promise<void> {
    this.#turn.end()
    while (this.#holds.size > 0 || !this.#queue.isEmpty) {
      await Promise.all(this.#holds)
      await this.#queue.drained()
    }
    this.#isEnded = true
    this.#queue.stop()
    await this.#link.close()
  }
}
