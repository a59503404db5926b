import type { RedisOAuthDatabaseOptions } from '../../../src/options/options.js'
import { aclRule } from './acl-rule.js'
import { certificates } from './certificates.js'
import { startCluster } from './cluster.js'
import { type RedisServer, redisMajor, startRedis } from './redis-server.js'
import { startSentinel } from './sentinel.js'

const PASSWORD = 'a password: with @ / and %'
const USER = 'atxp'

/** What every `keyPrefix` of the tests begins with: elsewhere the user of `tls+acl` may not write. */
export const TEST_PREFIX = 'test:'

export interface RunningTopology {
  /** What `RedisOAuthDatabase` needs to connect; `keyPrefix` is the test's own, and begins with `TEST_PREFIX`. */
  options: RedisOAuthDatabaseOptions
  /** Sends one command as a user who may do everything; in a Cluster to the master of the key. */
  cli<T = unknown>(command: string, ...args: (string | number | Buffer)[]): Promise<T>
  /** The names of all keys that match, from every master, sorted. */
  keys(pattern: string): Promise<string[]>
  stop(): Promise<void>
}

/** A way to have a Redis. One and the same contract holds on all of them. */
export interface Topology {
  name: string
  start(): Promise<RunningTopology>
}

export const TOPOLOGIES: readonly Topology[] = [
  {
    name: 'standalone',
    async start() {
      const server = await startRedis()
      return running({ host: server.host, port: server.port }, [server], server)
    },
  },
  {
    name: 'tls+acl',
    async start() {
      const server = await startRedis({
        tls: true,
        users: [{ name: USER, password: PASSWORD, rule: aclRule(TEST_PREFIX, redisMajor()) }],
        // Nobody else gets in by forgetting to say who he is.
        requirepass: 'nobody',
        config: { 'tls-auth-clients': 'yes' },
      })
      const { ca, client } = await certificates()
      const tls = { ca: ca.cert, cert: client.cert, key: client.key }
      const { host, port } = server
      return running({ host, port, username: USER, password: PASSWORD, tls }, [server], server)
    },
  },
  {
    name: 'unix socket',
    async start() {
      const server = await startRedis({ unixsocket: true, requirepass: PASSWORD })
      return running({ path: server.path, password: PASSWORD }, [server], server)
    },
  },
  {
    name: 'sentinel',
    async start() {
      const group = await startSentinel({ password: PASSWORD })
      const { masterName: name, addresses: nodes } = group
      const master = await group.currentMaster()
      return running({ sentinel: { name, nodes }, password: PASSWORD }, [master], {
        cli: (...args) => master.cli(...args),
        stop: () => group.stop(),
      })
    },
  },
  {
    name: 'cluster',
    async start() {
      const cluster = await startCluster({ requirepass: PASSWORD })
      const nodes = cluster.nodes.map(({ host, port }) => ({ host, port }))
      return running({ cluster: { nodes }, password: PASSWORD }, await cluster.masters(), {
        cli: (...args) => cluster.cli(...args),
        stop: () => cluster.stop(),
      })
    },
  },
]

interface Access {
  cli: RunningTopology['cli']
  stop(): Promise<void>
}

function running(
  options: RedisOAuthDatabaseOptions,
  masters: RedisServer[],
  access: Access,
): RunningTopology {
  return {
    options,
    cli: (command, ...args) => access.cli(command, ...args),
    async keys(pattern) {
      const names = await Promise.all(masters.map((node) => node.cli<string[]>('KEYS', pattern)))
      return names.flat().sort()
    },
    stop: () => access.stop(),
  }
}
