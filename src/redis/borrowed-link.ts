import { type Cluster, Command, type Redis } from 'ioredis'
import type { TrackedCommand } from './command.js'
import type { Link, Node } from './connection.js'

/** A client of the caller's: it queues, retries and resends by its own options, and is not ours to close. */
export class BorrowedLink implements Link {
  readonly #client: Redis | Cluster

  constructor(client: Redis | Cluster) {
    this.#client = client
  }

  send(command: TrackedCommand, node: Node): void {
    const client = node ?? this.#client
    client.sendCommand(command)
  }

  scanNodes(slotKey: string | undefined): readonly Node[] {
    if (!this.#client.isCluster) return [undefined]
    return mastersOf(this.#client as Cluster, slotKey)
  }

  stalled(): void {}

  async close(): Promise<void> {}
}

function mastersOf(cluster: Cluster, slotKey: string | undefined): readonly Redis[] {
  const masters = cluster.nodes('master')
  if (slotKey === undefined) return masters
  const owner = cluster.slots[new Command('get', [slotKey]).getSlot()]?.[0]
  const found = masters.filter(({ options: { host, port } }) => `${host}:${port}` === owner)
  return found.length > 0 ? found : masters
}
