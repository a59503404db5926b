import { Cluster, Redis, type RedisOptions } from 'ioredis'
import { BorrowedLink } from './borrowed-link.js'
import { ClusterLink } from './cluster-link.js'
import { keyAt, renewSlots } from './cluster-nodes.js'
import { Connection } from './connection.js'
import { authenticate } from './credentials.js'
import {
  type ConnectOptions,
  commonOptions,
  driverOptions,
  FEED_OPTIONS,
} from './driver-options.js'
import { OwnLink } from './own-link.js'
import { idleDelayMs, type RetryLimits } from './retry.js'
import { beforeConnecting, expectFurtherErrors } from './socket.js'
import { Subscriber } from './subscriber.js'
import {
  type ClusterTopology,
  nameOfAddress,
  nameOfTopology,
  type SentinelTopology,
  type ServerTopology,
  type Topology,
} from './topology.js'
import { type ChangeListener, type Feeds, Tracking } from './tracking.js'

/** The connection for commands, the one that hears of publications, and what hears of changes. */
export interface Channels {
  readonly topology: Topology['kind']
  readonly connection: Connection
  readonly subscriber: Subscriber
  /** Has the listener hear of changes of keys, as soon as it is said of which. */
  track(listener: ChangeListener): Tracking
  /** A key beginning with `prefix` that this node serves. */
  keyAt(node: Redis, prefix: string): string
  /** Asks the nodes of a Cluster anew who serves what. */
  renewSlots(): void
}

type AddressOptions = { host?: string | undefined; port?: number | undefined }

const anyKey = (_node: Redis, prefix: string): string => prefix

// Redirections and resends end at commandTimeout.
const MAX_REDIRECTIONS = 100

/** Does not connect yet: the first command does. */
export function connect(topology: Topology, options: ConnectOptions): Channels {
  const server = nameOfTopology(topology)
  const { commandTimeout, retryDelayOnFailover } = options
  const feeds: Feeds = {
    retryDelayMs: retryDelayOnFailover,
    createClient: (node) => node.duplicate(FEED_OPTIONS),
  }
  if (topology.kind === 'cluster') {
    const cluster = createCluster(topology, options)
    return {
      topology: 'cluster',
      keyAt: (node, prefix) => keyAt(cluster, node, prefix),
      renewSlots: () => renewSlots(cluster),
      connection: new Connection(
        server,
        commandTimeout,
        (queue) => new ClusterLink(cluster, queue, options),
      ),
      // Not the one of ioredis' Cluster: refused, that tries again at once, and again.
      subscriber: new Subscriber(() => createClusterSubscriber(cluster, topology, options)),
      track: (listener) => new Tracking(cluster, listener, feeds),
    }
  }
  const client = new Redis({
    ...driverOptions(topology, options),
    retryStrategy: () => null,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
  })
  expectFurtherErrors(client)
  prepareCopies(client, options)
  return {
    topology: topology.kind,
    keyAt: anyKey,
    renewSlots: () => {},
    connection: new Connection(server, commandTimeout, (queue) => {
      const { credentials, connectionTimeout } = options
      const authenticateOnce =
        credentials && (() => authenticate(client, credentials, connectionTimeout))
      const isSentinel = topology.kind === 'sentinel'
      return new OwnLink(client, queue, { ...options, isSentinel, authenticate: authenticateOnce })
    }),
    subscriber: new Subscriber(() => createSubscriber(topology, options)),
    track: (listener) => new Tracking(client, listener, feeds),
  }
}

function createSubscriber(
  topology: ServerTopology | SentinelTopology,
  options: ConnectOptions,
): Redis {
  const client = new Redis(subscriberOptions(driverOptions(topology, options), options))
  expectFurtherErrors(client)
  beforeConnecting(client, () => authenticateIfPossible(client, options))
  return client
}

/** Any node will do: the Cluster carries publications to all of them. */
function createClusterSubscriber(
  cluster: Cluster,
  topology: ClusterTopology,
  options: ConnectOptions,
): Redis {
  const client = new Redis(subscriberOptions(commonOptions(topology, options), options))
  expectFurtherErrors(client)
  beforeConnecting(client, async () => {
    const known = cluster.nodes().map((node): AddressOptions => node.options)
    const nodes: readonly AddressOptions[] = known.length > 0 ? known : topology.nodes
    const { host, port } = nodes[Math.floor(Math.random() * nodes.length)] ?? {}
    Object.assign(client.options, { host, port })
    await authenticateIfPossible(client, options)
  })
  return client
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
    retryStrategy: (attempt) => idleDelayMs(attempt, limits.retryDelayOnFailover),
  }
}

function createCluster(topology: ClusterTopology, options: ConnectOptions): Cluster {
  const { retryDelayOnFailover, connectionTimeout, commandTimeout } = options
  const cluster = new Cluster([...topology.nodes], {
    lazyConnect: true,
    enableReadyCheck: false,
    maxRedirections: MAX_REDIRECTIONS,
    retryDelayOnFailover,
    retryDelayOnClusterDown: retryDelayOnFailover,
    retryDelayOnTryAgain: retryDelayOnFailover,
    clusterRetryStrategy: (attempt) => idleDelayMs(attempt, retryDelayOnFailover),
    slotsRefreshTimeout: Math.min(connectionTimeout, commandTimeout),
    ...(topology.natMap && { natMap: { ...topology.natMap } }),
    // Certificates are for names.
    ...(topology.tls && { dnsLookup: (name, callback) => callback(null, name) }),
    redisOptions: { ...commonOptions(topology, options), socketTimeout: commandTimeout },
  })
  cluster.on('+node', (node: Redis) => {
    prepare(node, options)
    // ioredis asks for the slots over copies, and keeps to itself why those could not connect.
    prepareCopies(node, options, {
      onError: (error) => cluster.emit('node error', error),
      // A copy that was made just before the end waits for credentials, and ioredis forgets it.
      isWanted: () => cluster.status !== 'disconnecting' && cluster.status !== 'end',
    })
  })
  return cluster
}

interface CopyOptions {
  readonly onError?: (error: unknown) => void
  /** Whether what a copy is for still is wanted once it has its credentials. */
  readonly isWanted?: () => boolean
}

/** Has a client of ioredis' making ask for credentials before it connects. */
function prepare(
  client: Redis,
  { credentials, connectionTimeout }: ConnectOptions,
  isWanted: () => boolean = () => true,
): void {
  expectFurtherErrors(client)
  if (credentials === undefined) return
  beforeConnecting(client, async () => {
    try {
      await authenticate(client, credentials, connectionTimeout)
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
  { onError = () => {}, isWanted }: CopyOptions = {},
): void {
  const duplicate = client.duplicate.bind(client)
  client.duplicate = (override) => {
    const copy = duplicate(override)
    copy.on('error', onError)
    prepare(copy, options, isWanted)
    return copy
  }
}

/**
 * @throws TypeError when the client has a `keyPrefix`, which ioredis would put before names that are already whole, and
 * would not take off again from what `SCAN` returns
 */
export function borrow(
  client: Redis | Cluster,
  { commandTimeout, retryDelayOnFailover }: RetryLimits,
): Channels {
  if (client.options.keyPrefix) {
    throw new TypeError(
      'options.client must be an ioredis client without a keyPrefix of its own: set keyPrefix on the database instead',
    )
  }
  const { Command: Driver } = client.constructor as { Command?: { prototype: object } }
  if (Driver !== undefined && 'setReplyContext' in Driver.prototype) {
    throw new TypeError(
      'options.client must be a client of ioredis 5; this one is of a later version',
    )
  }
  const isSentinel = !client.isCluster && Boolean((client as Redis).options.sentinels)
  return {
    topology: client.isCluster ? 'cluster' : isSentinel ? 'sentinel' : 'server',
    keyAt: client.isCluster ? (node, prefix) => keyAt(client as Cluster, node, prefix) : anyKey,
    renewSlots: () => {
      if (client.isCluster) renewSlots(client as Cluster)
    },
    connection: new Connection(
      nameOfClient(client),
      commandTimeout,
      () => new BorrowedLink(client),
    ),
    // Not the client itself: a subscribed connection takes no other commands.
    subscriber: new Subscriber(() =>
      client.isCluster
        ? (client as Cluster).duplicate()
        : (client as Redis).duplicate({ autoResubscribe: false }),
    ),
    track: (listener) => {
      if (client.isCluster && (client as Cluster).options.scaleReads !== 'master') {
        throw new TypeError(
          "options.cache needs a Cluster whose scaleReads is 'master': a replica answers with what it had",
        )
      }
      return new Tracking(client, listener, {
        retryDelayMs: retryDelayOnFailover,
        createClient: (node) => node.duplicate(FEED_OPTIONS),
      })
    },
  }
}

function nameOfClient(client: Redis | Cluster): string {
  if (client.isCluster) return "the caller's Cluster"
  const { host = 'localhost', port = 6379, path } = (client as Redis).options
  return path ?? nameOfAddress({ host, port })
}
