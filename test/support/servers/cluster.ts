import { eventually } from '../eventually.js'
import { ClusterView, type SlotRange } from './cluster-view.js'
import { ADMIN, type RedisServer, type RedisServerOptions, startRedis } from './redis-server.js'

export const SLOT_COUNT = 16_384
const MASTER_COUNT = 3
const NODE_TIMEOUT_MS = 1_000
const READY_WITHIN_MS = 20_000
const KEYS_A_MOVE = 100

/** What the servers of a Cluster may differ in from plain ones. */
export type ClusterOptions = Pick<RedisServerOptions, 'requirepass' | 'users' | 'tls' | 'config'>

/** Starts three masters, each with a replica. A dead master's slots are served again within some three seconds. */
export async function startCluster(options: ClusterOptions = {}): Promise<ClusterServers> {
  const config = {
    'cluster-enabled': 'yes',
    'cluster-node-timeout': String(NODE_TIMEOUT_MS),
    'cluster-replica-validity-factor': '0',
    ...options.config,
  }
  const nodes = await Promise.all(
    Array.from({ length: 2 * MASTER_COUNT }, () => startRedis({ ...options, config })),
  )
  const cluster = new ClusterServers(nodes)
  try {
    await join(nodes)
    await cluster.settled()
    return cluster
  } catch (error) {
    await cluster.stop()
    throw error
  }
}

async function join(nodes: RedisServer[]): Promise<void> {
  const masters = nodes.slice(0, MASTER_COUNT)
  const replicas = nodes.slice(MASTER_COUNT)
  await Promise.all(nodes.map((node, i) => node.cli('CLUSTER', 'SET-CONFIG-EPOCH', i + 1)))
  for (const [i, master] of masters.entries()) {
    const first = Math.floor((i * SLOT_COUNT) / MASTER_COUNT)
    const behind = Math.floor(((i + 1) * SLOT_COUNT) / MASTER_COUNT)
    const slots = Array.from({ length: behind - first }, (_, offset) => first + offset)
    await master.cli('CLUSTER', 'ADDSLOTS', ...slots)
  }
  for (const node of nodes) {
    for (const other of nodes) {
      if (other !== node) await node.cli('CLUSTER', 'MEET', other.host, other.port)
    }
  }
  for (const [i, replica] of replicas.entries()) {
    const id = await idOf(masters[i] as RedisServer)
    // An error as long as the replica has not met its master.
    await eventually(() => replica.cli('CLUSTER', 'REPLICATE', id), { withinMs: READY_WITHIN_MS })
  }
}

/** A slot that is on its way from one master to another: each key is asked for at the one or the other. */
export interface SlotMigration {
  /** Moves the slot's keys, all or at most so many, and tells how many it moved. */
  move(maxKeys?: number): Promise<number>
  /** Moves what is left and gives the slot to its new master. */
  finish(): Promise<void>
}

export class ClusterServers {
  /** All six, masters first as they were at the start. */
  readonly nodes: RedisServer[]

  constructor(nodes: RedisServer[]) {
    this.nodes = nodes
  }

  /** `redis-cluster://h1:p1,h2:p2,...`, without passwords. */
  get url(): string {
    return `redis-cluster://${this.nodes.map(({ host, port }) => `${host}:${port}`).join(',')}`
  }

  /** The masters that serve slots, in the order of their first slots. */
  async masters(): Promise<RedisServer[]> {
    const view = await this.#view()
    return [...new Set(view.ranges.map(({ port }) => this.#nodeAt(port)))]
  }

  /** The running replicas of a master. */
  async replicasOf(master: RedisServer): Promise<RedisServer[]> {
    const view = await this.#view()
    return view.replicaPortsOf(master.port).map((port) => this.#nodeAt(port))
  }

  async nodeOfSlot(slot: number): Promise<RedisServer> {
    return this.#nodeAt(ownerOf((await this.#view()).ranges, slot))
  }

  /** Sends one command to the master that serves its key, as a user who may do everything. */
  async cli<T = unknown>(command: string, ...args: (string | number | Buffer)[]): Promise<T> {
    const [first] = await this.masters()
    let node = first as RedisServer
    for (;;) {
      try {
        return await node.cli<T>(command, ...args)
      } catch (error) {
        const moved = /^(?:ReplyError: )?MOVED \d+ \S*:(\d+)/.exec(String(error))
        if (moved === null) throw error
        node = this.#nodeAt(Number(moved[1]))
      }
    }
  }

  /** Moves a slot and its keys to another master while the Cluster serves both. */
  async migrateSlot(slot: number, to: RedisServer): Promise<void> {
    const migration = await this.openMigration(slot, to)
    await migration.finish()
  }

  /** Begins to move a slot; until it is finished, clients are sent to and fro by `ASK`. */
  async openMigration(slot: number, to: RedisServer): Promise<SlotMigration> {
    const from = await this.nodeOfSlot(slot)
    const [fromId, toId] = await Promise.all([idOf(from), idOf(to)])
    await to.cli('CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId)
    await from.cli('CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId)
    const move = async (maxKeys: number = Number.POSITIVE_INFINITY): Promise<number> => {
      let moved = 0
      while (moved < maxKeys) {
        const most = Math.min(maxKeys - moved, KEYS_A_MOVE)
        const keys = await from.cli<string[]>('CLUSTER', 'GETKEYSINSLOT', slot, most)
        if (keys.length === 0) break
        const auth = ['AUTH2', ADMIN.username, ADMIN.password]
        await from.cli('MIGRATE', to.host, to.port, '', 0, 5_000, ...auth, 'KEYS', ...keys)
        moved += keys.length
      }
      return moved
    }
    const finish = async (): Promise<void> => {
      await move()
      // The new owner first, so that no moment has nobody own the slot.
      const others = (await this.masters()).filter((node) => node !== to && node !== from)
      for (const node of [to, from, ...others])
        await node.cli('CLUSTER', 'SETSLOT', slot, 'NODE', toId)
      await this.settled()
    }
    return { move, finish }
  }

  /** Kills the i-th of `masters()` and comes back at once. Its replica takes over: `settled` waits for that. */
  async killMaster(i: number): Promise<RedisServer> {
    const master = (await this.masters())[i]
    if (master === undefined) throw new RangeError(`there is no master ${i}`)
    await master.kill()
    return master
  }

  /** Waits until all running nodes agree on who serves each slot, all nodes are well, and replicas are in step. */
  async settled(): Promise<void> {
    await eventually(() => this.#isSettled(), { withinMs: READY_WITHIN_MS })
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()))
  }

  get #running(): RedisServer[] {
    return this.nodes.filter(({ running }) => running)
  }

  async #view(): Promise<ClusterView> {
    const node = this.#running[0]
    if (node === undefined) throw new Error('no node is running')
    return ClusterView.of(node)
  }

  #nodeAt(port: number): RedisServer {
    const node = this.nodes.find((each) => each.port === port)
    if (node === undefined) throw new Error(`no node is at port ${port}`)
    return node
  }

  async #isSettled(): Promise<boolean> {
    const ports = new Set(this.#running.map(({ port }) => port))
    const views = await Promise.all(this.#running.map((node) => ClusterView.of(node)))
    const [layout, ...others] = views.map((view) => view.layoutOf(ports))
    return layout !== undefined && others.every((other) => other === layout)
  }
}

function idOf(node: RedisServer): Promise<string> {
  return node.cli<string>('CLUSTER', 'MYID')
}

function ownerOf(ranges: SlotRange[], slot: number): number {
  const range = ranges.find(({ from, to }) => from <= slot && slot <= to)
  if (range === undefined) throw new Error(`nobody serves slot ${slot}`)
  return range.port
}
