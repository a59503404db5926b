import type { Redis } from 'ioredis'
import { within } from '../../leaves/clock.js'
import type { RedisOAuthDatabaseErrorCode } from '../../leaves/errors.js'
import { codeOf, isReply } from '../driver/failure.js'
import { onInvalidation } from '../driver/internals/clients.js'
import { disconnect, expectFurtherErrors } from '../driver/internals/socket.js'
import { integer, ok, text } from '../protocol/replies.js'

/** Where Redis publishes the names of keys that have changed. */
const CHANNEL = '__redis__:invalidate'

// Together the longest time for which a link that has gone silent is trusted.
export const HEARTBEAT_MS = 500
const SILENCE_MS = 500
const ARM_MS = 5_000

/** Why no invalidations arrive; `ANOTHER_SERVER`: this connection and the one that reads lead to different servers. */
export type TrackingFailure = RedisOAuthDatabaseErrorCode | 'ANOTHER_SERVER'

export interface FeedListener {
  /** From now on every change is heard of. */
  heard(): void
  /** It has ended: from now on changes are missed. */
  ended(reason: TrackingFailure): void
  /** The names of keys that have changed; null: any may have. */
  changed(keys: readonly Buffer[] | null): void
}

/**
 * One connection on which one server says which keys have changed. It counts only between its confirmation and the first
 * doubt: its end, a heartbeat without answer, or the end of the connection that reads, whose next one may lead elsewhere.
 */
export class ChangeFeed {
  readonly #node: Redis
  readonly #client: Redis
  readonly #prefixes: readonly string[]
  readonly #listener: FeedListener
  readonly #onNodeClose = (): void => this.#end('CONNECTION_LOST')
  #lastError: unknown
  #isHearing = false
  #hasEnded = false

  /**
   * @param node - the client that reads
   * @param client - a new client of the same server, that neither connects nor tries again by itself
   * @param prefixes - what the names of the keys begin with
   */
  constructor(node: Redis, client: Redis, prefixes: readonly string[], listener: FeedListener) {
    this.#node = node
    this.#client = client
    this.#prefixes = prefixes
    this.#listener = listener
    node.on('close', this.#onNodeClose)
    expectFurtherErrors(client)
    client.on('error', (error: unknown) => {
      this.#lastError = error
    })
    client.on('ready', () => {
      // Ended while its credentials were on their way.
      if (this.#hasEnded) client.disconnect()
      else void this.#begin()
    })
    client.on('end', () =>
      this.#end(this.#lastError === undefined ? 'CONNECTION_LOST' : codeOf(this.#lastError)),
    )
    onInvalidation(client, (keys) => listener.changed(keys))
    client.connect().catch(() => {})
  }

  get isHearing(): boolean {
    return this.#isHearing
  }

  /** Ends it without a word to its listener; resolves once the socket is closed. */
  async close(): Promise<void> {
    this.#stop()
    await disconnect(this.#client)
  }

  #end(reason: TrackingFailure): void {
    if (this.#hasEnded) return
    this.#stop()
    this.#listener.ended(reason)
  }

  #stop(): void {
    this.#hasEnded = true
    this.#isHearing = false
    this.#node.off('close', this.#onNodeClose)
    if (this.#client.status !== 'end') this.#client.disconnect()
  }

  async #begin(): Promise<void> {
    try {
      await within(ARM_MS, this.#subscribe())
    } catch (error) {
      this.#end(trackingFailureOf(error))
      return
    }
    if (this.#hasEnded) return
    this.#isHearing = true
    this.#listener.heard()
    await this.#watch()
  }

  async #subscribe(): Promise<void> {
    const client = this.#client
    const [id, own, read] = await Promise.all([
      client.client('ID'),
      runOf(client),
      runOf(this.#node),
    ])
    if (own === undefined || own !== read) throw new AnotherServer()
    const prefixes = this.#prefixes.flatMap((prefix) => ['PREFIX', prefix])
    const [tracked] = await Promise.all([
      // Redirected to the connection itself, since without RESP3 only a subscription can tell.
      client.call(
        'CLIENT',
        'TRACKING',
        'ON',
        'REDIRECT',
        String(integer(id)),
        'BCAST',
        ...prefixes,
      ),
      client.subscribe(CHANNEL),
    ])
    ok(tracked)
  }

  async #watch(): Promise<void> {
    while (this.#isHearing) {
      await new Promise((resolve) => setTimeout(resolve, HEARTBEAT_MS).unref())
      if (!this.#isHearing) return
      try {
        await within(SILENCE_MS, this.#client.ping())
      } catch (error) {
        // Redis refuses a PING while it cannot write to its disk, and that is an answer.
        if (!isReply(error)) this.#end('TIMEOUT')
      }
    }
  }
}

class AnotherServer extends Error {}

function trackingFailureOf(error: unknown): TrackingFailure {
  if (error instanceof AnotherServer) return 'ANOTHER_SERVER'
  const code = codeOf(error)
  // Whatever of CLIENT TRACKING a server does not take: none that takes it all is too old.
  return code === 'SERVER_TOO_OLD' ? 'UNSUPPORTED_BY_SERVER' : code
}

/** Which run of which server a client speaks with. */
async function runOf(client: Redis): Promise<string | undefined> {
  return /^run_id:(\w+)/m.exec(text(await client.info('server')))?.[1]
}
