import type { Cluster, Redis } from 'ioredis'
import { within } from '../../leaves/clock.js'
import { publishConnection } from '../../leaves/diagnostics.js'
import { PERSISTENT_CODES } from '../../leaves/errors.js'
import type { CommandQueue } from '../connection/command-queue.js'
import type { Layout, Link, Node } from '../connection/link.js'
import type { TrackedCommand } from '../driver/command.js'
import { corkAll } from '../driver/cork.js'
import { codeOf, firstFailure } from '../driver/failure.js'
import { reconnectInBackground, setOptions } from '../driver/internals/clients.js'
import { sendToCluster } from '../driver/internals/cluster.js'
import { disconnect, socketOf } from '../driver/internals/socket.js'
import { NO_CONNECTION, type RetryLimits } from '../driver/retry.js'
import { slotOf } from '../protocol/slot.js'
import { layoutOf } from './cluster-layout.js'

/**
 * Our own client of a Cluster. ioredis finds the node, follows redirections and sends again after a node was lost. What is
 * called while no node can be had waits here and not in ioredis, which would keep it long after its caller was told.
 */
export class ClusterLink implements Link {
  readonly #cluster: Cluster
  readonly #queue: CommandQueue
  readonly #limits: RetryLimits
  /** Whether there was a connection to every master, or to those that answered. */
  #wasOpen = false
  #failures = 0
  #isClosed = false
  #lastError: unknown

  /** @param cluster - with `lazyConnect` */
  constructor(cluster: Cluster, queue: CommandQueue, limits: RetryLimits) {
    this.#cluster = cluster
    this.#queue = queue
    this.#limits = limits
    cluster.on('node error', (error: unknown) => {
      publishConnection('failed', codeOf(error))
      this.#note(error)
    })
    cluster.on('error', (error: unknown) => this.#failed(error))
    cluster.on('ready', () => void this.#verify())
    cluster.on('close', () => this.#lost())
    reconnectInBackground(cluster)
  }

  send(command: TrackedCommand, node: Node): void {
    command.failuresBefore = this.#failures
    if (node !== undefined) node.sendCommand(command)
    else if (this.#wasOpen && this.#cluster.status === 'ready') this.#transmit(command)
    else {
      command.isHeld = true
      if (this.#cluster.status === 'wait') this.#cluster.connect().catch(() => {})
    }
  }

  keeps(): boolean {
    return false
  }

  // A node that hangs is found by ioredis' `socketTimeout`.
  stalled(command: TrackedCommand): unknown {
    return command.isHeld ? (this.#lastError ?? NO_CONNECTION) : undefined
  }

  masters(): readonly Node[] {
    return this.#cluster.nodes('master')
  }

  clients(): readonly Redis[] {
    return this.#cluster.nodes()
  }

  slotOf(key: string): number {
    return slotOf(key)
  }

  cork(): () => void {
    return corkAll(this.#cluster.nodes('master').map(socketOf))
  }

  layout(limitMs: number): Promise<Layout | undefined> {
    return layoutOf(this.#cluster, limitMs)
  }

  get reopenedAtMs(): number {
    return Number.NEGATIVE_INFINITY
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const nodes = this.#cluster.nodes()
    this.#cluster.disconnect()
    await Promise.all(nodes.map(disconnect))
  }

  #transmit(command: TrackedCommand): void {
    command.isHeld = false
    sendToCluster(this.#cluster, command, (error) => command.cutOff(error))
  }

  /** Before the first command each master has to answer: on a slow network that takes longer than a command may. */
  async #verify(): Promise<void> {
    if (!this.#wasOpen) {
      const { connectionTimeout, commandTimeout } = this.#limits
      const pings = this.#cluster.nodes('master').map((node) => node.ping())
      await within(connectionTimeout, Promise.any(pings)).catch(() => {})
      // One that hangs delays the others by no more than it would later.
      await within(commandTimeout, Promise.allSettled(pings)).catch(() => {})
    }
    if (this.#cluster.status === 'ready') this.#open()
  }

  #open(): void {
    const event = this.#wasOpen ? 'reconnected' : 'connected'
    if (!this.#wasOpen) this.#connected()
    this.#failures = 0
    this.#lastError = undefined
    this.#queue.forEach((command) => {
      command.failuresBefore = 0
      if (command.isHeld) this.#transmit(command)
    })
    // At the end: who hears it may call, and what is called then goes out at once.
    publishConnection(event)
  }

  /** For the first time: from now on commands wait no longer than `commandTimeout`. */
  #connected(): void {
    this.#wasOpen = true
    this.#queue.connected()
    const { connectionTimeout, commandTimeout } = this.#limits
    const slotsRefreshTimeout = Math.min(connectionTimeout, commandTimeout)
    setOptions(this.#cluster, { slotsRefreshTimeout })
    const limit = (node: Redis): void => setOptions(node, { socketTimeout: commandTimeout })
    for (const node of this.#cluster.nodes()) limit(node)
    this.#cluster.on('+node', limit)
  }

  #failed(error: unknown): void {
    this.#note(error)
    if (PERSISTENT_CODES.has(codeOf(this.#lastError))) this.#giveUp(() => true)
  }

  #note(error: unknown): void {
    // Of one node; it would be out of date when it is asked for.
    if (this.#cluster.status === 'ready') return
    // ioredis reports as well that a connection is closed, behind what closed it.
    if (this.#lastError === undefined || codeOf(error) !== 'CONNECTION_LOST')
      this.#lastError = error
  }

  #lost(): void {
    if (this.#wasOpen && this.#failures === 0 && !this.#isClosed) publishConnection('lost')
    this.#failures += 1
    const { maxRetriesPerRequest } = this.#limits
    this.#giveUp((command) => this.#failures - command.failuresBefore > maxRetriesPerRequest)
  }

  #giveUp(condition: (command: TrackedCommand) => boolean): void {
    const closed = this.#lastError ?? new Error('Connection is closed.')
    const error = this.#wasOpen ? closed : firstFailure(closed)
    this.#queue.forEach((command) => {
      if (condition(command)) command.fail(error)
    })
  }
}
