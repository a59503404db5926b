import { publishConnection } from '../../leaves/diagnostics.js'
import type { RedisOAuthDatabaseError } from '../../leaves/errors.js'
import type { Argument } from '../protocol/frame.js'
import type { Reader } from '../protocol/replies.js'
import { isRedirection } from '../protocol/replies.js'
import { codeOf, isReply } from './failure.js'
import { DriverCommand, showErrors } from './internals/command.js'
import { redacted } from './redaction.js'

/** What a command is written to. */
export interface Socket {
  readonly destroyed: boolean
  destroy(): void
}

/**
 * What a command may do to data: on it depends what its loss means to the caller, and whether it may be sent again. `repeatable` is a
 * write that knows its own first run, or whose second run undoes nothing that others have written since.
 */
export type Effect = 'read' | 'write' | 'repeatable'

/** Who is told of a command's end and words its failure. */
export interface CommandOwner {
  /** Whether ioredis' word that the command failed does not count, because it will be sent again. */
  keeps(command: TrackedCommand, error: unknown): boolean
  settled(command: TrackedCommand): void
  failureOf(error: unknown, command: TrackedCommand): RedisOAuthDatabaseError
}

const NOTHING = '*1\r\n$4\r\nPING\r\n'

/**
 * An ioredis command that knows how often it went out. ioredis keeps a command that cannot be sent, and sends again what
 * a cut connection left without reply; so only the command itself can tell "not sent" from "outcome unknown", and only
 * here can one that its caller has given up be kept from being sent later.
 */
export class TrackedCommand<T = unknown> extends DriverCommand {
  declare promise: Promise<T>
  readonly effect: Effect
  /** How many reads it answers; 1 where it is no `MGET`. */
  readonly operations: number
  /** How often it was written to a connection without being refused there. */
  writes = 0
  settled = false
  /** The socket that it was last written to. */
  sentOver: Socket | undefined
  /** By `performance.now()`. */
  deadlineMs = 0
  /** How many attempts to connect had failed when it was given. */
  failuresBefore = 0
  /** Whether its link has not handed it to ioredis yet. */
  isHeld = false
  // Links of the queue of unsettled commands.
  previous: TrackedCommand | undefined
  next: TrackedCommand | undefined

  readonly #owner: CommandOwner
  readonly #reject: (error: Error) => void
  #refusal: unknown

  constructor(
    owner: CommandOwner,
    effect: Effect,
    name: string,
    args: Argument[],
    read: Reader<T | Promise<T>>,
  ) {
    super(name, args)
    this.effect = effect
    this.operations = name === 'mget' ? args.length : 1
    this.#owner = owner
    const { resolve, rejectShown } = this
    this.#reject = rejectShown
    // By way of variables: what is assigned to a property as a literal is made in old space by V8, see `driver/internals/command.ts`.
    const answered = (reply: unknown): void => {
      if (this.settled) return
      if (this.isCutOff) {
        this.reject(lost())
        return
      }
      let value: T | Promise<T>
      try {
        value = read(reply)
      } catch (error) {
        this.fail(error)
        // It may be the answer to another command, and the next ones those to others still.
        this.sentOver?.destroy()
        return
      }
      if (this.#settle()) resolve(value)
    }
    const refused = (error: unknown): void => {
      this.refused(error)
      if (!owner.keeps(this, error)) this.fail(error)
    }
    this.resolve = answered
    this.reject = refused
  }

  /** Ends it for its caller, past whatever ioredis would still try. If it has not been sent yet, it never will be. */
  fail(error: unknown): void {
    if (this.#settle()) this.#reject(this.#owner.failureOf(error, this))
  }

  /** Takes note of an answer that is Redis' own no: what was sent last did nothing. */
  refused(error: unknown): void {
    if (!isReply(error) || error === this.#refusal) return
    this.#refusal = error
    this.writes -= 1
  }

  /** Takes note of a failure that its link would try to mend; returns whether it has ended the command. */
  cutOff(error: unknown): boolean {
    if (isRedirection((error as Error).message)) publishConnection('redirected')
    this.refused(error)
    // Of a slot in two places. Who joined reads reads them one by one, and needs not wait for the end of the move.
    const isJoined = this.name === 'mget' || (this.name === 'exists' && this.args.length > 1)
    const isSplit = isJoined && codeOf(error) === 'CLUSTER_DOWN'
    if (this.isSpent || isSplit) this.fail(error)
    // It has had its answer: a refusal of the next connection counts, though this one may be gone by then.
    this.sentOver = undefined
    return this.settled
  }

  /** Whether its connection was dropped. ioredis reads that packet to its end, and gives it what may be the answer to another command. */
  get isCutOff(): boolean {
    return this.sentOver?.destroyed === true
  }

  /** It may have run, and must not run twice: between its two runs others may have written. */
  get isSpent(): boolean {
    return this.effect === 'write' && this.writes > 0
  }

  override toWritable(socket: Socket): string | Buffer {
    if (this.isSpent) this.fail(lost())
    // ioredis has no way to take a command back, but it asks for the bytes only when it sends them.
    if (this.settled) return NOTHING
    let bytes: string | Buffer
    try {
      bytes = this.frame()
    } catch (error) {
      // Too long for a string. ioredis would leave it in its queue, and throw past whoever sends for others.
      this.fail(error)
      return NOTHING
    }
    this.writes += 1
    this.sentOver = socket
    return bytes
  }

  #settle(): boolean {
    if (this.settled) return false
    this.settled = true
    this.#owner.settled(this)
    return true
  }
}

/** What Redis says may quote the command. ioredis needs the words of a redirection, which quote nothing. */
function shown(error: Error, command: TrackedCommand): Error {
  if (!isReply(error)) return error
  if (command.isCutOff) return lost()
  return isRedirection(error.message) ? error : redacted(error)
}

/** As ioredis words it: a Cluster's client then sends again what may run twice. */
function lost(): Error {
  return new Error('Connection is closed.')
}

showErrors(TrackedCommand, shown)

/** To be told of each refusal of a client's, as `reject` is. */
export function noteRefusal(command: object, error: Error): void {
  if (command instanceof TrackedCommand) command.refused(shown(error, command))
}
