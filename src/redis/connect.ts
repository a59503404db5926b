import { type Cluster, Redis, type RedisOptions } from 'ioredis'
import { BorrowedLink } from './borrowed-link.js'
import { Connection } from './connection.js'
import { OwnLink, type RetryLimits } from './own-link.js'
import { Subscriber } from './subscriber.js'
import { type Endpoint, nameOfEndpoint } from './url.js'

export interface ConnectOptions extends RetryLimits {
  /** Milliseconds for one attempt to connect. */
  readonly connectionTimeout: number
}

// How long a socket that was told to end may take before it is destroyed.
const DISCONNECT_TIMEOUT_MS = 100
const KEEP_ALIVE_MS = 30_000

/** The connection for commands, and the one that hears of publications. */
export interface Channels {
  readonly connection: Connection
  readonly subscriber: Subscriber
}

/** Does not connect yet: the first command does. */
export function connect(endpoint: Endpoint, options: ConnectOptions): Channels {
  const { db, host, port, path, username, password, tls } = endpoint
  const driverOptions: RedisOptions = {
    ...(path === undefined ? { host, port } : { path }),
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls !== undefined && { tls }),
    db,
    lazyConnect: true,
    connectTimeout: options.connectionTimeout,
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
    keepAlive: KEEP_ALIVE_MS,
    enableReadyCheck: false,
    disableClientInfo: true,
    maxRetriesPerRequest: null,
  }
  // OwnLink verifies, queues and resends.
  const client = new Redis({
    ...driverOptions,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
  })
  return {
    connection: new Connection(
      nameOfEndpoint(endpoint),
      options.commandTimeout,
      (queue) => new OwnLink(client, queue, options),
    ),
    subscriber: new Subscriber(() => new Redis(driverOptions)),
  }
}

/**
 * @throws TypeError when the client has a `keyPrefix`, which ioredis would put before names that are already whole, and
 * would not take off again from what `SCAN` returns
 */
export function borrow(client: Redis | Cluster, commandTimeout: number): Channels {
  if (client.options.keyPrefix) {
    throw new TypeError(
      'options.client must be an ioredis client without a keyPrefix of its own: set keyPrefix on the database instead',
    )
  }
  return {
    connection: new Connection(
      nameOfClient(client),
      commandTimeout,
      () => new BorrowedLink(client),
    ),
    // Not the client itself: a subscribed connection takes no other commands.
    subscriber: new Subscriber(() => client.duplicate()),
  }
}

function nameOfClient(client: Redis | Cluster): string {
  if (client.isCluster) return "the caller's Cluster"
  const { host = 'localhost', port = 6379, path } = (client as Redis).options
  return nameOfEndpoint(path === undefined ? { host, port } : { host, port, path })
}
