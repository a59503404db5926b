import type { RedisServer } from './redis-server.js'

export interface SlotRange {
  from: number
  to: number
  /** The port of the master that serves the slots. */
  port: number
}

interface NodeLine {
  id: string
  port: number
  flags: string[]
  masterId: string
  epoch: string
  slots: string[]
}

/** What one node of a Cluster believes at one moment. */
export class ClusterView {
  /** In order of the slots. */
  readonly ranges: SlotRange[]
  /** Whether all slots are served and, in a replica, the master's data are there. */
  readonly healthy: boolean
  readonly #lines: NodeLine[]

  constructor(nodes: string, info: string, replication: string) {
    this.#lines = nodes.trim().split('\n').map(parseLine)
    this.ranges = this.#lines.flatMap(slotRanges).sort((a, b) => a.from - b.from)
    this.healthy =
      info.includes('cluster_state:ok') &&
      info.includes('cluster_slots_ok:16384') &&
      (replication.includes('role:master') || replication.includes('master_link_status:up'))
  }

  static async of(node: RedisServer): Promise<ClusterView> {
    const [nodes, info, replication] = await Promise.all([
      node.cli<string>('CLUSTER', 'NODES'),
      node.cli<string>('CLUSTER', 'INFO'),
      node.cli<string>('INFO', 'replication'),
    ])
    return new ClusterView(nodes, info, replication)
  }

  /** Who serves what and who follows whom, for comparison; `undefined` if one of these nodes is not well. */
  layoutOf(ports: ReadonlySet<number>): string | undefined {
    const lines = this.#lines.filter(({ port }) => ports.has(port)).sort((a, b) => a.port - b.port)
    const well =
      this.healthy &&
      lines.length === ports.size &&
      lines.every(({ flags }) => !/fail|handshake|noaddr/.test(flags.join())) &&
      this.ranges.every(({ port }) => ports.has(port))
    // A master that does not know of a newer epoch takes a slot under an older one, and loses it again.
    const followed = lines.map(({ port, masterId, epoch }) => [port, masterId, epoch])
    return well ? JSON.stringify([this.ranges, followed]) : undefined
  }

  replicaPortsOf(masterPort: number): number[] {
    const master = this.#lines.find(({ port }) => port === masterPort)
    return this.#lines
      .filter(({ masterId, flags }) => masterId === master?.id && !flags.includes('fail'))
      .map(({ port }) => port)
  }
}

/** How far the port of a node's bus is from that for clients. */
const BUS_OFFSET = 10_000

// `<id> <ip:port@cport[,hostname]> <flags> <master> <ping> <pong> <epoch> <link> <slot> <slot> ...`
// Newer servers name as `port` only one that speaks as this connection does: 0, where all others speak TLS.
function parseLine(line: string): NodeLine {
  const [id = '', address = '', flags = '', masterId = '', , , epoch = '', , ...slots] =
    line.split(' ')
  const port = Number(/@(\d+)/.exec(address)?.[1]) - BUS_OFFSET
  return { id, port, flags: flags.split(','), masterId, epoch, slots }
}

function slotRanges({ slots, port, flags }: NodeLine): SlotRange[] {
  if (!flags.includes('master')) return []
  // What begins with `[` is a slot on its way.
  return slots
    .filter((slot) => !slot.startsWith('['))
    .map((slot) => {
      const [from = '', to = from] = slot.split('-')
      return { from: Number(from), to: Number(to), port }
    })
}
