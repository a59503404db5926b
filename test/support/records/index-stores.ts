import type { RedisOAuthDatabaseOptions } from '../../../src/index.js'
import { startCluster } from '../servers/cluster.js'
import { type RedisServer, startRedis } from '../servers/redis-server.js'

/** While a user's keys are apart. */
const KEYS_ONE_BY_ONE = 4

/** The Redis of races over users' records. */
export interface IndexStore {
  readonly options: RedisOAuthDatabaseOptions
  readonly hasSlots: boolean
  /** How many times a user's slot has moved. */
  readonly moved: number
  /** Those that hold records. */
  servers(): Promise<readonly RedisServer[]>
  /** Sends a command to each of them. */
  all(command: string, ...args: string[]): Promise<unknown[]>
  /** As an operator with `redis-cli`: keys of one user. */
  delete(...keys: string[]): Promise<unknown>
  /** Moves a user's slot to another server, key by key. Comes back when all of it is there. */
  move(user: string): Promise<unknown>
  stop(): Promise<unknown>
}

export async function startServerStore(): Promise<IndexStore> {
  const redis = await startRedis()
  return {
    options: { url: redis.url },
    hasSlots: false,
    moved: 0,
    servers: async () => [redis],
    all: async (command, ...args) => [await redis.cli(command, ...args)],
    delete: (...keys) => redis.cli('DEL', ...keys),
    move: async () => undefined,
    stop: () => redis.stop(),
  }
}

export async function startClusterStore(): Promise<IndexStore> {
  // Nobody is to take over: a failover loses what it did not replicate, of the index as of the records.
  const cluster = await startCluster({ config: { 'cluster-node-timeout': '30000' } })
  let moved = 0
  return {
    options: { cluster: { nodes: cluster.nodes.map(({ host, port }) => ({ host, port })) } },
    hasSlots: true,
    get moved() {
      return moved
    },
    servers: () => cluster.masters(),
    async all(command, ...args) {
      return Promise.all((await cluster.masters()).map((each) => each.cli(command, ...args)))
    },
    // Redis refuses it while the keys are apart, and the operator lets it be.
    delete: (...keys) =>
      cluster.cli('DEL', ...keys).catch((error: unknown) => {
        if (!/ASK|TRYAGAIN/.test(String(error))) throw error
      }),
    async move(user) {
      const slot = await cluster.cli<number>('CLUSTER', 'KEYSLOT', user)
      const from = await cluster.nodeOfSlot(slot)
      const others = (await cluster.masters()).filter((each) => each !== from)
      const to = others[slot % others.length] as RedisServer
      const migration = await cluster.openMigration(slot, to)
      for (let key = 0; key < KEYS_ONE_BY_ONE; key += 1) await migration.move(1)
      await migration.finish()
      moved += 1
    },
    stop: () => cluster.stop(),
  }
}
