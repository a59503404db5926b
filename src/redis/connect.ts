import { type Cluster, Redis } from 'ioredis'
import { BorrowedLink } from './borrowed-link.js'
import { Connection } from './connection.js'
import { OwnLink, type RetryLimits } from './own-link.js'
import { type Endpoint, nameOfEndpoint } from './url.js'

export interface ConnectOptions extends RetryLimits {
  /** Milliseconds for one attempt to connect. */
  readonly connectionTimeout: number
}

// How long a socket that was told to end may take before it is destroyed.
const DISCONNECT_TIMEOUT_MS = 100
const KEEP_ALIVE_MS = 30_000

/** Does not connect yet: the first command does. */
export function connect(endpoint: Endpoint, options: ConnectOptions): Connection {
  const { db, host, port } = endpoint
  const address = endpoint.path === undefined ? { host, port } : { path: endpoint.path }
  const { username, password, tls } = endpoint
  const client = new Redis({
    ...address,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls !== undefined && { tls }),
    db,
    lazyConnect: true,
    connectTimeout: options.connectionTimeout,
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
    keepAlive: KEEP_ALIVE_MS,
    // OwnLink verifies, queues and resends.
    enableReadyCheck: false,
    disableClientInfo: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: null,
  })
  return new Connection(
    nameOfEndpoint(endpoint),
    options.commandTimeout,
    (queue) => new OwnLink(client, queue, options),
  )
}

/**
 * @throws TypeError when the client has a `keyPrefix`, which ioredis would put before names that are already whole, and
 * would not take off again from what `SCAN` returns
 */
export function borrow(client: Redis | Cluster, commandTimeout: number): Connection {
  if (client.options.keyPrefix) {
    throw new TypeError(
      'options.client must be an ioredis client without a keyPrefix of its own: set keyPrefix on the database instead',
    )
  }
  return new Connection(nameOfClient(client), commandTimeout, () => new BorrowedLink(client))
}

function nameOfClient(client: Redis | Cluster): string {
  if (client.isCluster) return "the caller's Cluster"
  const { host = 'localhost', port = 6379, path } = (client as Redis).options
  return nameOfEndpoint(path === undefined ? { host, port } : { host, port, path })
}
