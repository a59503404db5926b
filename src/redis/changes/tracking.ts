import type { Cluster, Redis } from 'ioredis'
import { DOCS } from '../../leaves/errors.js'
import { idleDelayMs } from '../driver/retry.js'
import { ChangeFeed, type FeedListener, HEARTBEAT_MS, type TrackingFailure } from './change-feed.js'

/** Who is told what Redis says of keys. */
export interface ChangeListener {
  /** From now on every change is heard of. */
  armed(): void
  /** From now on a change may be missed. Said again, also to who was never armed, at each attempt that fails. */
  disarmed(): void
  /**
   * The names of keys that have changed; null: any may have.
   * @returns false to hear nothing for about a minute, and then to be armed again
   */
  changed(keys: readonly Buffer[] | null): boolean
}

export interface Feeds {
  /** Makes a client of the same server, that neither connects nor tries again by itself. */
  createClient(node: Redis): Redis
  readonly retryDelayMs: number
}

/** Around it, at random: processes that stop together do not return together. */
const REST_MS = 60_000

const CLUSTER_EVENTS = ['ready', 'refresh', '+node', '-node', 'close', 'end'] as const

/**
 * Hears from every server that a client reads from which keys have changed, by a connection beside each. Either all of
 * them are heard or nothing counts.
 */
export class Tracking {
  readonly #client: Redis | Cluster
  readonly #listener: ChangeListener
  readonly #feeds: Feeds
  readonly #nodes = new Map<Redis, TrackedNode>()
  readonly #onClusterEvent = (): void => this.#follow()
  #prefixes: readonly string[] = []
  #isArmed = false
  #failure: TrackingFailure | undefined
  #check: NodeJS.Timeout | undefined
  #rest: NodeJS.Timeout | undefined

  constructor(client: Redis | Cluster, listener: ChangeListener, feeds: Feeds) {
    this.#client = client
    this.#listener = listener
    this.#feeds = feeds
  }

  /** For an operator: why nothing is heard at present; undefined while it is, and before the first attempt has ended. */
  get warning(): string | undefined {
    return this.#failure === undefined
      ? undefined
      : `The cache keeps nothing at present: Redis does not report changes (${this.#failure}). ` +
          `See ${DOCS}/near-cache.md#when-nothing-is-kept`
  }

  /** From now on hears as well of keys whose names begin so. Begins with the first call. */
  listen(prefixes: readonly string[]): void {
    const known = this.#prefixes
    this.#prefixes = withoutOverlap([...known, ...prefixes])
    if (known.length === 0) {
      this.#begin()
    } else if (this.#prefixes.some((prefix) => !known.includes(prefix))) {
      for (const node of this.#nodes.values()) node.restart()
      this.#settle()
    }
  }

  async close(): Promise<void> {
    clearTimeout(this.#rest)
    const ending = this.#end()
    this.#settle()
    await ending
  }

  #begin(): void {
    if (this.#client.isCluster) {
      for (const event of CLUSTER_EVENTS) this.#client.on(event, this.#onClusterEvent)
      // A node that was promoted may serve reads before the next refresh tells of it.
      this.#check = setInterval(this.#onClusterEvent, HEARTBEAT_MS)
      this.#check.unref()
    }
    this.#follow()
  }

  async #end(): Promise<void> {
    clearInterval(this.#check)
    for (const event of CLUSTER_EVENTS) this.#client.off(event, this.#onClusterEvent)
    const nodes = [...this.#nodes.values()]
    this.#nodes.clear()
    await Promise.all(nodes.map((node) => node.close()))
  }

  /** Redis had better not even send what would be ignored here. */
  #beginRest(): void {
    this.#isArmed = false
    void this.#end()
    this.#rest = setTimeout(() => this.#begin(), REST_MS * (0.75 + Math.random() / 2))
    // Only an open socket keeps the process alive.
    this.#rest.unref()
  }

  /** Keeps to the servers that there are. */
  #follow(): void {
    const nodes = new Set(nodesOf(this.#client))
    for (const [node, tracked] of this.#nodes) {
      if (nodes.has(node)) continue
      this.#nodes.delete(node)
      void tracked.close()
      // What it served is heard of no more, though all that are left are heard.
      this.#disarm()
    }
    for (const node of nodes) {
      if (!this.#nodes.has(node)) this.#nodes.set(node, this.#track(node))
    }
    this.#settle()
  }

  #track(node: Redis): TrackedNode {
    // A Cluster's client connects to a node when it first needs it.
    if (this.#client.isCluster && node.status === 'wait') node.connect().catch(() => {})
    const open = (feedListener: FeedListener): ChangeFeed =>
      new ChangeFeed(node, this.#feeds.createClient(node), this.#prefixes, feedListener)
    return new TrackedNode(node, open, this.#feeds.retryDelayMs, {
      changed: (keys) => {
        if (!this.#listener.changed(keys)) this.#beginRest()
      },
      heard: () => this.#settle(),
      ended: (reason) => {
        this.#failure = reason
        // Also after a rest, in which it was not armed.
        this.#disarm()
      },
    })
  }

  #settle(): void {
    const nodes = [...this.#nodes.values()]
    if (nodes.length === 0 || !nodes.every(({ isHearing }) => isHearing)) {
      if (this.#isArmed) this.#disarm()
    } else if (!this.#isArmed) {
      this.#isArmed = true
      this.#failure = undefined
      this.#listener.armed()
    }
  }

  #disarm(): void {
    this.#isArmed = false
    this.#listener.disarmed()
  }
}

/** Keeps a feed beside one client, for as long as that is connected. */
class TrackedNode {
  readonly #node: Redis
  readonly #open: (listener: FeedListener) => ChangeFeed
  readonly #retryDelayMs: number
  readonly #listener: FeedListener
  readonly #onReady = (): void => this.restart()
  #feed: ChangeFeed | undefined
  #failures = 0
  #retry: NodeJS.Timeout | undefined

  constructor(
    node: Redis,
    open: (listener: FeedListener) => ChangeFeed,
    retryDelayMs: number,
    listener: FeedListener,
  ) {
    this.#node = node
    this.#open = open
    this.#retryDelayMs = retryDelayMs
    this.#listener = listener
    node.on('ready', this.#onReady)
    this.restart()
  }

  get isHearing(): boolean {
    return this.#feed?.isHearing === true
  }

  /** Begins anew, with the prefixes of now and with the server of now. */
  restart(): void {
    clearTimeout(this.#retry)
    void this.#feed?.close()
    this.#feed = undefined
    if (this.#node.status !== 'ready') return
    this.#feed = this.#open({
      changed: (keys) => this.#listener.changed(keys),
      heard: () => {
        this.#failures = 0
        this.#listener.heard()
      },
      ended: (reason) => {
        this.#failures += 1
        this.#listener.ended(reason)
        const delayMs = idleDelayMs(this.#failures, this.#retryDelayMs)
        this.#retry = setTimeout(() => this.restart(), delayMs)
        // Only an open socket keeps the process alive.
        this.#retry.unref()
      },
    })
  }

  async close(): Promise<void> {
    this.#node.off('ready', this.#onReady)
    clearTimeout(this.#retry)
    await this.#feed?.close()
  }
}

function nodesOf(client: Redis | Cluster): readonly Redis[] {
  if (!client.isCluster) return [client as Redis]
  const cluster = client as Cluster
  return cluster.status === 'ready' ? cluster.nodes('master') : []
}

/** Redis refuses prefixes of which one begins with another. */
function withoutOverlap(prefixes: readonly string[]): readonly string[] {
  const all = [...new Set(prefixes)]
  return all.filter((one) => !all.some((other) => other !== one && one.startsWith(other)))
}
