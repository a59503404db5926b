import type { ConnectionOptions } from 'node:tls'
import type { Cluster, Redis } from 'ioredis'
import {
  nameOfAddress,
  nameOfTopology,
  type SentinelTopology,
  type Topology,
} from './address/topology.js'
import type { Address } from './address/url.js'
import type { BorrowedClient } from './borrowed-client.js'
import { Subscriber } from './changes/subscriber.js'
import { type ChangeListener, type Feeds, Tracking } from './changes/tracking.js'
import { Connection } from './connection/connection.js'
import {
  createClient,
  createCluster,
  createClusterSubscriber,
  createSubscriber,
} from './driver/clients.js'
import { authenticate } from './driver/credentials.js'
import { type ConnectOptions, FEED_OPTIONS } from './driver/driver-options.js'
import { failWithoutConnection, refreshSlots } from './driver/internals/cluster.js'
import type { RetryLimits } from './driver/retry.js'
import { BorrowedLink } from './link/borrowed-link.js'
import { ClusterLink } from './link/cluster-link.js'
import { keyAt } from './link/cluster-nodes.js'
import { OwnLink } from './link/own-link.js'

/** The connection for commands, the one that hears of publications, and what hears of changes. */
export interface Channels {
  readonly topology: Topology['kind']
  /** Redis' number of the database. */
  readonly database: number
  readonly hasTls: boolean
  /** Who names the master, where that is known here. */
  readonly sentinels?: { readonly nodes: readonly Address[]; readonly tls?: ConnectionOptions }
  readonly connection: Connection
  readonly subscriber: Subscriber
  /** Has the listener hear of changes of keys, as soon as it is said of which. */
  track(listener: ChangeListener): Tracking
  /** A key beginning with `prefix` that this node serves. */
  keyAt(node: Redis, prefix: string): string
  /** Asks the nodes of a Cluster anew who serves what. */
  renewSlots(): void
}

const anyKey = (_node: Redis, prefix: string): string => prefix

/** Does not connect yet: the first command does. */
export function connect(topology: Topology, options: ConnectOptions): Channels {
  const server = nameOfTopology(topology)
  const { retryDelayOnFailover } = options
  const feeds: Feeds = {
    retryDelayMs: retryDelayOnFailover,
    createClient: (node) => node.duplicate(FEED_OPTIONS),
  }
  if (topology.kind === 'cluster') {
    const cluster = createCluster(topology, options)
    return {
      topology: 'cluster',
      database: 0,
      hasTls: topology.tls !== undefined,
      keyAt: (node, prefix) => keyAt(cluster, node, prefix),
      renewSlots: () => void refreshSlots(cluster),
      connection: new Connection(
        server,
        options,
        (queue) => new ClusterLink(cluster, queue, options),
      ),
      // Not the one of ioredis' Cluster: refused, that tries again at once, and again.
      subscriber: new Subscriber(() => createClusterSubscriber(cluster, topology, options)),
      track: (listener) => new Tracking(cluster, listener, feeds),
    }
  }
  const client = createClient(topology, options)
  return {
    topology: topology.kind,
    database: topology.db,
    hasTls: topology.tls !== undefined,
    ...(topology.kind === 'sentinel' && {
      sentinels: { nodes: topology.nodes, ...tlsOf(topology.sentinel) },
    }),
    keyAt: anyKey,
    renewSlots: () => {},
    connection: new Connection(server, options, (queue) => {
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

/**
 * @throws TypeError when the client has a `keyPrefix`, which ioredis would put before names that are already whole, and
 * would not take off again from what `SCAN` returns; or reads from replicas
 */
export function borrow(lent: BorrowedClient, limits: RetryLimits): Channels {
  const client = lent as unknown as Redis | Cluster
  if (client.options.keyPrefix) {
    throw new TypeError(
      'options.client must be an ioredis client without a keyPrefix of its own: set keyPrefix on the database instead',
    )
  }
  if (client.isCluster && (client as Cluster).options.scaleReads !== 'master') {
    throw new TypeError(
      "options.client must be a Cluster whose scaleReads is 'master': a replica answers with what it had, " +
        'and a refresh would spend a refresh token that is spent',
    )
  }
  const isSentinel = !client.isCluster && Boolean((client as Redis).options.sentinels)
  const server = nameOfClient(client, isSentinel)
  return {
    topology: client.isCluster ? 'cluster' : isSentinel ? 'sentinel' : 'server',
    database: client.isCluster ? 0 : ((client as Redis).options.db ?? 0),
    hasTls: hasTls(client, isSentinel),
    keyAt: client.isCluster ? (node, prefix) => keyAt(client as Cluster, node, prefix) : anyKey,
    renewSlots: () => {
      if (client.isCluster) void refreshSlots(client as Cluster)
    },
    connection: new Connection(server, limits, (queue) => new BorrowedLink(client, queue, server)),
    // Not the client itself: a subscribed connection takes no other commands.
    subscriber: new Subscriber(() => {
      if (!client.isCluster)
        return (client as Redis).duplicate({ autoResubscribe: false, maxRetriesPerRequest: 0 })
      const cluster = (client as Cluster).duplicate()
      failWithoutConnection(cluster)
      return cluster
    }),
    track: (listener) =>
      new Tracking(client, listener, {
        retryDelayMs: limits.retryDelayOnFailover,
        createClient: (node) => node.duplicate(FEED_OPTIONS),
      }),
  }
}

function tlsOf({ tls }: SentinelTopology['sentinel']): { tls?: ConnectionOptions } {
  return tls === undefined ? {} : { tls }
}

function hasTls(client: Redis | Cluster, isSentinel: boolean): boolean {
  if (client.isCluster) return Boolean((client as Cluster).options.redisOptions?.tls)
  const { tls, enableTLSForSentinelMode } = (client as Redis).options
  // By Sentinel, ioredis uses no TLS unless it is told so once more.
  return Boolean(tls && (!isSentinel || enableTLSForSentinelMode))
}

function nameOfClient(client: Redis | Cluster, isSentinel: boolean): string {
  if (client.isCluster) return "the caller's Cluster"
  const { host = 'localhost', port = 6379, path, name, sentinels } = (client as Redis).options
  if (!isSentinel) return path ?? nameOfAddress({ host, port })
  // Host and port are ioredis' defaults there, of no server.
  const nodes = (sentinels ?? []).map(({ host = 'localhost', port = 26_379 }) => ({ host, port }))
  return nameOfTopology({ kind: 'sentinel', name: name ?? '', nodes, db: 0, sentinel: {} })
}
