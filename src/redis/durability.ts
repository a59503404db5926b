import type { Redis } from 'ioredis'
import { within } from '../leaves/clock.js'
import { RedisOAuthDatabaseError } from '../leaves/errors.js'
import type { TrackedCommand } from './driver/command.js'
import { isReply } from './driver/failure.js'
import { reconnectInBackground } from './driver/internals/clients.js'
import { expectFurtherErrors, socketOf } from './driver/internals/socket.js'
import { redacted } from './driver/redaction.js'
import { integer, ok } from './protocol/replies.js'

export interface DurabilityOptions {
  /** How many replicas must have a write before it resolves, at least 1. */
  readonly replicas: number
  /** How long to wait for them, in milliseconds, at least 1. */
  readonly timeoutMs: number
}

interface Parts extends DurabilityOptions {
  /** The driver's client that a command went out on; undefined when it has lost that connection since. */
  carrierOf(command: TrackedCommand): Redis | undefined
  /** A key that may be written to at this node, as far as is known. */
  markerFor(node: Redis): string
  /** Told when a node did not take its marker: slots have moved. */
  slotsMoved(): void
  /** How messages name the server. */
  readonly server: string
  /** Milliseconds that the confirmation may take beside `timeoutMs`: it may have to connect first. */
  readonly commandTimeout: number
}

// Redis drops the marker soon: it is written only to have something to wait for.
const MARKER_MS = 1_000

/**
 * Has a write resolve only once replicas have it. `WAIT` holds up the connection that it is sent on, so it goes over one of
 * its own: there a marker is written after the write was acknowledged, and waited for. The replication stream is one, so
 * whoever has the marker has the write. Writes that are acknowledged meanwhile share the next round.
 */
export class Durability {
  readonly #parts: Parts
  readonly #barriers = new Map<Redis, Barrier>()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  get replicas(): number {
    return this.#parts.replicas
  }

  /** @throws RedisOAuthDatabaseError `NOT_DURABLE` */
  async confirm<T>(command: TrackedCommand, writing: Promise<T>): Promise<T> {
    const reply = await writing
    // Who has the write, and not who serves the key: that may be another one while slots move.
    const node = this.#parts.carrierOf(command)
    if (node === undefined) throw this.#failure('the connection was lost')
    let barrier = this.#barriers.get(node)
    if (barrier === undefined) node.once('end', () => this.#drop(node))
    if (barrier === undefined || barrier.isEnded) {
      barrier = new Barrier(node, this.#parts)
      this.#barriers.set(node, barrier)
    }
    try {
      await barrier.pass()
    } catch (error) {
      throw this.#failure(error instanceof Unconfirmed ? error.message : redacted(error).message)
    }
    return reply
  }

  close(): void {
    for (const node of [...this.#barriers.keys()]) this.#drop(node)
  }

  #drop(node: Redis): void {
    this.#barriers.get(node)?.close()
    this.#barriers.delete(node)
  }

  #failure(reason: string): RedisOAuthDatabaseError {
    const { server, replicas, timeoutMs } = this.#parts
    return new RedisOAuthDatabaseError(
      'NOT_DURABLE',
      `written at ${server} and not confirmed by ${replicas} replica(s) within ${timeoutMs} ms: ${reason}. Check the replicas and ` +
        'write again: a failover may lose it',
    )
  }
}

/** Why a round confirmed nothing, in our own words. */
class Unconfirmed extends Error {}

/** One connection beside that of a node, on which rounds of marker and `WAIT` follow each other. */
class Barrier {
  readonly #node: Redis
  readonly #client: Redis
  readonly #options: Parts
  readonly #identities = new WeakMap<object, Promise<string>>()
  #round: Promise<void> | undefined
  #next: Promise<void> | undefined

  constructor(node: Redis, options: Parts) {
    this.#node = node
    this.#options = options
    this.#client = node.duplicate({
      lazyConnect: true,
      enableOfflineQueue: true,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      commandTimeout: options.timeoutMs + options.commandTimeout,
      retryStrategy: (attempt) => Math.min(attempt * 50, 500),
    })
    expectFurtherErrors(this.#client)
    reconnectInBackground(this.#client)
  }

  /** It could not log in, and will not try again. */
  get isEnded(): boolean {
    return this.#client.status === 'end'
  }

  /** Resolves once a round has succeeded that began after this call. */
  pass(): Promise<void> {
    if (this.#round === undefined) {
      const { timeoutMs, commandTimeout } = this.#options
      this.#round = within(timeoutMs + commandTimeout, this.#wait()).finally(() => {
        this.#round = undefined
      })
      return this.#round
    }
    // The round under way may have begun before the write.
    this.#next ??= this.#round
      .catch(() => {})
      .then(() => {
        this.#next = undefined
        return this.pass()
      })
    return this.#next
  }

  close(): void {
    this.#client.disconnect()
  }

  async #wait(): Promise<void> {
    const { replicas, timeoutMs, markerFor } = this.#options
    const wroteOver = socketOf(this.#node)
    // Asked for each time: slots move, and of a new master they are known a moment later.
    const marking = this.#client.set(markerFor(this.#node), '', 'PX', MARKER_MS)
    marking.catch((error: Error) => {
      if (isReply(error) && error.message.startsWith('MOVED')) this.#options.slotsMoved()
    })
    const [marked, waited] = await Promise.all([marking, this.#client.wait(replicas, timeoutMs)])
    ok(marked)
    const confirmed = integer(waited)
    const waitedOver = socketOf(this.#client)
    if (confirmed < replicas) throw new Unconfirmed(`${confirmed} replica(s) confirmed`)
    const [writer, waiter] = await Promise.all([
      this.#identity(this.#node),
      this.#identity(this.#client),
    ])
    // After a failover the two may speak with different servers, and the marker says nothing of the write.
    const isSame = socketOf(this.#node) === wroteOver && socketOf(this.#client) === waitedOver
    if (writer !== waiter || !isSame) throw new Unconfirmed('the connection was lost')
  }

  /** The run that a client is connected to; asked once a connection. */
  #identity(client: Redis): Promise<string> {
    const socket = socketOf(client) ?? client
    const known = this.#identities.get(socket)
    if (known !== undefined) return known
    const id = client.info('server').then((info) => /run_id:(\w+)/.exec(info)?.[1] ?? '')
    id.catch(() => this.#identities.delete(socket))
    this.#identities.set(socket, id)
    return id
  }
}
