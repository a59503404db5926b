import { randomUUID } from 'node:crypto'
import type { LeaseStore } from '../../../src/flight/lease.js'
import { DEFAULTS } from '../../../src/leaves/defaults.js'
import type { RestStore } from '../../../src/oauth/refresh/rests.js'
import { optionName } from '../../../src/options/names.js'
import type { RedisOAuthDatabaseOptions } from '../../../src/options/options.js'
import { resolveOptions } from '../../../src/options/rules.js'
import { KeySpace } from '../../../src/record/keys.js'
import { resolveTopology } from '../../../src/redis/address/topology.js'
import { Commands } from '../../../src/redis/commands.js'
import { connect } from '../../../src/redis/connect.js'
import { Leases } from '../../../src/redis/leases.js'
import { RestRecords } from '../../../src/store/rest-records.js'
import { MemoryStore } from '../oauth/memory-store.js'
import { startCluster } from '../servers/cluster.js'
import { startRedis } from '../servers/redis-server.js'

/** Leases, marks and rests, and where they stand. */
export interface Stores {
  leases: LeaseStore
  rests: RestStore
  stop(): Promise<void>
}

/** As `composition.ts` puts them together. */
function open(options: RedisOAuthDatabaseOptions) {
  const resolved = resolveOptions({ ...options, keyPrefix: `test:${randomUUID()}:` })
  const { connection, subscriber } = connect(
    resolveTopology(resolved, DEFAULTS.database, optionName),
    resolved,
  )
  const keys = new KeySpace(resolved.keyPrefix)
  const commands = new Commands(connection, undefined, undefined)
  return {
    leases: new Leases(connection, subscriber, undefined, (name) => ({
      lease: keys.of('lease', name).redisKey,
      mark: keys.of('spent', name).redisKey,
    })),
    rests: new RestRecords(commands, (name) => keys.of('rest', name).redisKey),
    close: () => Promise.all([connection.close(), subscriber.close()]),
  }
}

/** The double of the unit tests, and the real ones: the same has to hold of all. */
export const STORES: readonly [name: string, start: () => Promise<Stores>][] = [
  [
    'memory, as unit tests have it',
    async () => {
      const store = new MemoryStore()
      return {
        leases: store,
        rests: store,
        stop: async () => undefined,
      }
    },
  ],
  [
    'Redis',
    async () => {
      const server = await startRedis()
      const { leases, rests, close } = open({ url: server.url })
      const stop = async () => {
        await close()
        await server.stop()
      }
      return { leases, rests, stop }
    },
  ],
  [
    'a Cluster',
    async () => {
      const cluster = await startCluster()
      const nodes = cluster.nodes.slice(0, 3).map(({ host, port }) => ({ host, port }))
      const { leases, rests, close } = open({ cluster: { nodes } })
      const stop = async () => {
        await close()
        await cluster.stop()
      }
      return { leases, rests, stop }
    },
  ],
]
