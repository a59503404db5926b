import type { Cluster, Redis } from 'ioredis'
import { publishConnection } from '../../leaves/diagnostics.js'
import type { CommandQueue } from '../connection/command-queue.js'
import { type Layout, type Link, type Node, ONE_SERVER } from '../connection/link.js'
import { noteRefusal, TrackedCommand } from '../driver/command.js'
import { corkAll } from '../driver/cork.js'
import { endedClientFailure } from '../driver/failure.js'
import { dropPutOff } from '../driver/internals/clients.js'
import { sendToCluster } from '../driver/internals/cluster.js'
import { reportRefusals } from '../driver/internals/command.js'
import { socketOf } from '../driver/internals/socket.js'
import { slotOf } from '../protocol/slot.js'
import { layoutOf } from './cluster-layout.js'

/** So many commands are given up until what they left behind is taken away. */
const MANY = 1_000

/** A client of the caller's: it queues, retries and resends by its own options, and is not ours to close. */
export class BorrowedLink implements Link {
  readonly #client: Redis | Cluster
  readonly #server: string
  #stalled = 0
  #wasOpen: boolean
  #isOpen: boolean
  readonly #onReady = (): void => {
    const event = this.#wasOpen ? 'reconnected' : 'connected'
    this.#isOpen = true
    this.#wasOpen = true
    publishConnection(event)
  }
  // ioredis tells it as well of each attempt to connect that fails.
  readonly #onClose = (): void => {
    const event = this.#isOpen ? 'lost' : 'failed'
    this.#isOpen = false
    publishConnection(event)
  }

  /** @param server - how messages name it */
  constructor(client: Redis | Cluster, queue: CommandQueue, server: string) {
    this.#client = client
    this.#server = server
    this.#isOpen = client.status === 'ready'
    this.#wasOpen = this.#isOpen
    client.on('ready', this.#onReady)
    client.on('close', this.#onClose)
    // How long it may take to connect is its own affair.
    queue.connected()
    for (const node of this.clients()) reportRefusals(node, noteRefusal)
    if (client.isCluster) client.on('+node', onNode)
  }

  send(command: TrackedCommand, node: Node): void {
    if (this.#client.status === 'end') command.fail(endedClientFailure(this.#server))
    else if (node === undefined && this.#client.isCluster)
      sendToCluster(this.#client as Cluster, command, (error) => command.cutOff(error))
    else (node ?? this.#client).sendCommand(command)
  }

  keeps(): boolean {
    return false
  }

  // In a long outage they would fill the memory of a client that waits for a connection as long as it takes.
  stalled(): undefined {
    this.#stalled += 1
    if (this.#stalled < MANY) return
    this.#stalled = 0
    dropPutOff(this.#client, (command) => command instanceof TrackedCommand && command.settled)
  }

  masters(): readonly Node[] {
    return this.#client.isCluster ? this.#nodes() : [undefined]
  }

  clients(): readonly Redis[] {
    return this.#client.isCluster ? (this.#client as Cluster).nodes() : [this.#client as Redis]
  }

  slotOf(key: string): number {
    return this.#client.isCluster ? slotOf(key) : 0
  }

  cork(): () => void {
    return corkAll(this.#nodes().map(socketOf))
  }

  async layout(limitMs: number): Promise<Layout | undefined> {
    return this.#client.isCluster ? layoutOf(this.#client as Cluster, limitMs) : ONE_SERVER
  }

  get reopenedAtMs(): number {
    return Number.NEGATIVE_INFINITY
  }

  async close(): Promise<void> {
    this.#client.off('ready', this.#onReady)
    this.#client.off('close', this.#onClose)
    this.#client.off('+node', onNode)
  }

  #nodes(): readonly Redis[] {
    return this.#client.isCluster
      ? (this.#client as Cluster).nodes('master')
      : [this.#client as Redis]
  }
}

/** A node that joins: its refusals are told as well. */
function onNode(node: Redis): void {
  reportRefusals(node, noteRefusal)
}
