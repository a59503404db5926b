import type { RedisOptions } from 'ioredis'
import type { SentinelTopology, ServerTopology, Topology } from '../address/topology.js'
import type { CredentialsProvider } from './credentials.js'
import { ServerConnector } from './internals/connector.js'
import { NamingSentinelConnector } from './internals/sentinel.js'
import type { RetryLimits } from './retry.js'

export interface ConnectOptions extends RetryLimits {
  readonly credentials?: CredentialsProvider | undefined
}

// How long a socket that was told to end may take before it is destroyed.
const DISCONNECT_TIMEOUT_MS = 100
const KEEP_ALIVE_MS = 30_000

/** Over what the other client has, or a caller gave his. */
export const FEED_OPTIONS: RedisOptions = {
  lazyConnect: true,
  retryStrategy: () => null,
  maxRetriesPerRequest: null,
  disconnectTimeout: DISCONNECT_TIMEOUT_MS,
  disableClientInfo: true,
  enableReadyCheck: false,
  enableAutoPipelining: false,
  enableOfflineQueue: false,
  autoResubscribe: false,
  autoResendUnfulfilledCommands: false,
  // Of ioredis 6, which speaks RESP3 by itself and there does not hand on which keys have changed.
  ...{ protocol: 2, replyMapping: 'legacy' },
}

/** Of a client of one server, or of the one that Sentinels name. */
export function driverOptions(
  topology: ServerTopology | SentinelTopology,
  options: ConnectOptions,
): RedisOptions {
  return {
    ...commonOptions(topology, options),
    db: topology.db,
    ...addressOptions(topology, options),
  }
}

/** Of every client that is ours. */
export function commonOptions(
  { username, password, tls, family }: Topology,
  options: ConnectOptions,
): RedisOptions {
  return {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls !== undefined && { tls }),
    ...(family !== undefined && { family }),
    Connector: ServerConnector,
    lazyConnect: true,
    connectTimeout: options.connectionTimeout,
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
    keepAlive: KEEP_ALIVE_MS,
    enableReadyCheck: false,
    disableClientInfo: true,
    maxRetriesPerRequest: null,
  }
}

function addressOptions(
  topology: ServerTopology | SentinelTopology,
  options: ConnectOptions,
): RedisOptions {
  if (topology.kind === 'server') {
    const { path, host, port } = topology
    return path === undefined ? { host, port } : { path }
  }
  const { username, password, tls } = topology.sentinel
  return {
    name: topology.name,
    Connector: NamingSentinelConnector,
    sentinels: [...topology.nodes],
    ...(username !== undefined && { sentinelUsername: username }),
    ...(password !== undefined && { sentinelPassword: password }),
    ...(tls !== undefined && { sentinelTLS: tls }),
    enableTLSForSentinelMode: topology.tls !== undefined,
    // One that hangs must leave a waiting command time for all the others.
    sentinelCommandTimeout: Math.ceil(options.connectionTimeout / topology.nodes.length),
    // ioredis goes on in the list where it stopped, so the first end of the list says nothing. The link tries again, as often
    // as was promised.
    sentinelRetryStrategy: (round) => (round === 1 ? 0 : null),
  }
}
