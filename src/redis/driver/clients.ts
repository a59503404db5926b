import { Cluster, Redis, type RedisOptions } from 'ioredis'
import { withServerName } from '../address/server-name.js'
import type { ClusterTopology, SentinelTopology, ServerTopology } from '../address/topology.js'
import { authenticate } from './credentials.js'
import { type ConnectOptions, commonOptions, driverOptions } from './driver-options.js'
import {
  beforeConnecting,
  type ChangeableOptions,
  onCopy,
  setOptions,
} from './internals/clients.js'
import { checkSlots, refuseReadsOfReplica, reportNodeError } from './internals/cluster.js'
import { guard } from './internals/guard.js'
import { expectFurtherErrors } from './internals/socket.js'
import { idleDelayMs, idleDelays, type RetryLimits } from './retry.js'

type OneServer = ServerTopology | SentinelTopology

type AddressOptions = { host?: string | undefined; port?: number | undefined }

// Redirections and resends end at commandTimeout.
const MAX_REDIRECTIONS = 100

/** A client that does not connect by itself, and neither retries, queues nor resends: its link decides. */
export function createClient(topology: OneServer, options: ConnectOptions): Redis {
  const client = new Redis({
    ...driverOptions(topology, options),
    retryStrategy: () => null,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
  })
  expectFurtherErrors(client)
  guard(client)
  prepareCopies(client, options, options.connectionTimeout)
  return client
}

export function createCluster(topology: ClusterTopology, options: ConnectOptions): Cluster {
  const { retryDelayOnFailover, connectionTimeout } = options
  // A node waits for them while it is asked for the slots.
  const credentialsMs = Math.ceil(connectionTimeout / 3)
  const cluster = new Cluster([...topology.nodes], {
    lazyConnect: true,
    enableReadyCheck: false,
    maxRedirections: MAX_REDIRECTIONS,
    retryDelayOnFailover,
    retryDelayOnClusterDown: retryDelayOnFailover,
    retryDelayOnTryAgain: retryDelayOnFailover,
    clusterRetryStrategy: (attempt) => idleDelayMs(attempt, retryDelayOnFailover),
    // One that hangs must leave a waiting command time for another.
    slotsRefreshTimeout: Math.ceil(connectionTimeout / Math.min(topology.nodes.length, 2)),
    ...(topology.natMap && { natMap: { ...topology.natMap } }),
    // Each node looks up its own: ioredis asks for all names at once, and one that is gone would keep it from the nodes that are
    // there. And certificates are for names.
    dnsLookup: (name, callback) => callback(null, name),
    redisOptions: { ...commonOptions(topology, options), socketTimeout: connectionTimeout },
  })
  cluster.on('+node', (node: Redis) => {
    setOptions(node, nameOptions(topology, node.options.host))
    refuseReadsOfReplica(node)
    prepare(node, options, credentialsMs)
    // ioredis asks for the slots over copies, and keeps to itself why those could not connect.
    prepareCopies(node, options, credentialsMs, {
      onError: (error) => reportNodeError(cluster, error),
      // A copy that was made just before the end waits for credentials, and ioredis forgets it.
      isWanted: () => cluster.status !== 'disconnecting' && cluster.status !== 'end',
    })
  })
  return cluster
}

/** For what is published: a client that reconnects by itself. */
export function createSubscriber(topology: OneServer, options: ConnectOptions): Redis {
  const client = new Redis(subscriberOptions(driverOptions(topology, options), options))
  expectFurtherErrors(client)
  guard(client)
  beforeConnecting(client, () => authenticateIfPossible(client, options))
  return client
}

/** Any node will do: the Cluster carries publications to all of them. */
export function createClusterSubscriber(
  cluster: Cluster,
  topology: ClusterTopology,
  options: ConnectOptions,
): Redis {
  const client = new Redis(subscriberOptions(commonOptions(topology, options), options))
  expectFurtherErrors(client)
  guard(client)
  beforeConnecting(client, async () => {
    const known = cluster.nodes().map((node): AddressOptions => node.options)
    const nodes: readonly AddressOptions[] = known.length > 0 ? known : topology.nodes
    const { host, port } = nodes[Math.floor(Math.random() * nodes.length)] ?? {}
    setOptions(client, { host, port, ...nameOptions(topology, host) })
    await authenticateIfPossible(client, options)
  })
  return client
}

function nameOptions({ tls }: ClusterTopology, host = ''): ChangeableOptions {
  return tls === undefined ? {} : { tls: withServerName(tls, host) }
}

/** Where it fails, the old password has to do: this connection is tried for again and again. */
async function authenticateIfPossible(client: Redis, options: ConnectOptions): Promise<void> {
  const { credentials, connectionTimeout } = options
  if (credentials) await authenticate(client, credentials, connectionTimeout).catch(() => {})
}

function subscriberOptions(options: RedisOptions, limits: RetryLimits): RedisOptions {
  return {
    ...options,
    // The subscriber does: ioredis lets the refusal of its own go unhandled, as after a change of the password.
    autoResubscribe: false,
    // A connection that fails fails what waits for it: kept, it would pile up, and go out at once where there is room again.
    maxRetriesPerRequest: 0,
    retryStrategy: idleDelays(limits.retryDelayOnFailover),
  }
}

interface CopyOptions {
  readonly onError?: (error: unknown) => void
  /** Whether what a copy is for still is wanted once it has its credentials. */
  readonly isWanted?: () => boolean
}

/** Has a client of ioredis' making ask for credentials before it connects. */
function prepare(
  client: Redis,
  { credentials }: ConnectOptions,
  timeoutMs: number,
  isWanted: () => boolean = () => true,
): void {
  expectFurtherErrors(client)
  guard(client)
  if (credentials === undefined) return
  beforeConnecting(client, async () => {
    try {
      await authenticate(client, credentials, timeoutMs)
      if (!isWanted()) client.disconnect()
    } catch (error) {
      client.emit('error', error)
      client.disconnect()
    }
  })
}

function prepareCopies(
  client: Redis,
  options: ConnectOptions,
  timeoutMs: number,
  { onError = () => {}, isWanted }: CopyOptions = {},
): void {
  onCopy(client, (copy) => {
    copy.on('error', onError)
    checkSlots(copy)
    prepare(copy, options, timeoutMs, isWanted)
  })
}
