import { DOCS, type RedisOAuthDatabaseErrorCode } from '../../leaves/errors.js'
import { type Denial, isRight, lostWithout } from '../protocol/rights.js'
import { NEVER_ANSWERED } from './retry.js'

/** What a failure that was not ours to begin with can be. */
export type Reason = Extract<
  RedisOAuthDatabaseErrorCode,
  | 'CONNECTION_REFUSED'
  | 'HOST_NOT_FOUND'
  | 'MASTER_NOT_FOUND'
  | 'CONNECTION_TIMEOUT'
  | 'CONNECTION_LOST'
  | 'NOT_REDIS'
  | 'TLS_FAILED'
  | 'AUTHENTICATION_REQUIRED'
  | 'AUTHENTICATION_FAILED'
  | 'PERMISSION_DENIED'
  | 'DATABASE_OUT_OF_RANGE'
  | 'OUT_OF_MEMORY'
  | 'READ_ONLY'
  | 'LOADING'
  | 'TOO_MANY_CLIENTS'
  | 'CLUSTER_DOWN'
  | 'TIMEOUT'
  | 'WRONG_TYPE'
  | 'SERVER_TOO_OLD'
  | 'UNSUPPORTED_BY_SERVER'
  | 'REDIS_ERROR'
>

/** What is known of a failure, and nothing that is secret. */
export interface Failed {
  /** How messages name the server. */
  readonly server: string
  /** Of the command that failed, in capitals. */
  readonly command: string
  /** Of the error that it failed with, as it may be shown. */
  readonly text: string
  /** Of the system, as `ENOENT`. */
  readonly systemCode: string | undefined
  /** With `PERMISSION_DENIED`: what the user may not use. */
  readonly denied: Denial | undefined
}

/** What to tell a caller, by the code of the failure. */
export const ADVICE: Readonly<Record<Reason, (failed: Failed) => string>> = {
  CONNECTION_REFUSED: refused,
  HOST_NOT_FOUND: ({ server }) =>
    `the host name of ${server} does not resolve. Check its spelling and the DNS`,
  MASTER_NOT_FOUND: ({ server }) =>
    `the Sentinels know no master of this name: ${server}. Compare sentinel.name with what they say: ` +
    'redis-cli -p 26379 SENTINEL MASTERS',
  CONNECTION_TIMEOUT: ({ server }) =>
    `no connection to ${server} was established in time. Check that Redis answers (redis-cli ping), host, port and firewall, ` +
    'and with TLS that the port speaks it; on a slow network raise connectionTimeout',
  CONNECTION_LOST: ({ server, text }) =>
    text === NEVER_ANSWERED.message
      ? `${server} closes each connection before it answers. Check that Redis listens there, whether the port speaks TLS ` +
        '(rediss://) or not (redis://), and any proxy between'
      : `the connection to Redis at ${server} was dropped and not re-established in time. Check the log of Redis and the ` +
        'network; for longer outages raise maxRetriesPerRequest and commandTimeout',
  NOT_REDIS: ({ server }) =>
    `${server} does not answer as Redis does. Check host and port, whether an HTTP server listens there, and any proxy between`,
  TLS_FAILED: ({ server }) =>
    `the TLS handshake with ${server} failed. Check that the port speaks TLS, that tls.ca has the authority that signed the ` +
    'certificate, and that it is for this name and has not expired',
  AUTHENTICATION_REQUIRED: ({ server }) =>
    `Redis at ${server} requires a password and none was given. Set password`,
  AUTHENTICATION_FAILED: ({ server }) =>
    `Redis at ${server} refused user name or password. Check both, and that the user is on; without username it is default`,
  PERMISSION_DENIED: ({ server, command, denied = 'a command' }) =>
    `the Redis user at ${server} ${mayNot(denied, command)}. Grant the rule of ` +
    `${DOCS}/operations.md#least-privilege`,
  DATABASE_OUT_OF_RANGE: ({ server }) =>
    `Redis at ${server} has no database of that number. Check db, and "databases" in redis.conf; a Cluster has only 0`,
  OUT_OF_MEMORY: ({ server }) =>
    `Redis at ${server} has reached maxmemory and may not evict. Raise maxmemory, or delete what is not needed`,
  READ_ONLY: ({ server, text }) =>
    text.startsWith('NOREPLICAS')
      ? `${server} takes no writes: fewer replicas are in step with it than min-replicas-to-write demands. Check its replicas ` +
        'and their lag'
      : `${server} takes no writes: it is a replica. Connect to the master`,
  LOADING: ({ server, text }) =>
    text.startsWith('MASTERDOWN')
      ? `${server} is a replica without its master, and may not answer from old data. Connect to the master, or retry later`
      : `Redis at ${server} is loading its data. Retry when it is ready`,
  TOO_MANY_CLIENTS: ({ server }) =>
    `Redis at ${server} has no connection left. Raise maxclients, or close connections that are not used`,
  CLUSTER_DOWN: ({ server }) =>
    `no node of the Redis Cluster at ${server} serves this hash slot. Check redis-cli CLUSTER INFO`,
  TIMEOUT: ({ server }) =>
    `no answer from Redis at ${server} within commandTimeout. Check that it answers (redis-cli ping), its SLOWLOG, the network and the load of this ` +
    'process, or raise commandTimeout',
  WRONG_TYPE: ({ server }) =>
    `the key at ${server} holds a Redis type that @atxp/redis never writes. Give the database a keyPrefix of its own`,
  SERVER_TOO_OLD: ({ server, command }) =>
    `${server} does not take ${lacking(command)} as Redis 6.2 does: ${lostWithout(command)}. Use Redis 6.2 or later, or Valkey`,
  UNSUPPORTED_BY_SERVER: ({ server, command }) =>
    `${server} lacks or blocks ${lacking(command)}: ${lostWithout(command)}. Check rename-command, proxies and ` +
    `${DOCS}/servers-and-runtimes.md`,
  REDIS_ERROR: refusedByRedis,
}

function refusedByRedis({ server, text }: Failed): string {
  if (/^(MOVED|ASK|CROSSSLOT)\b/.test(text)) {
    return (
      `${server} is a node of a Redis Cluster, and others have some of its keys. Connect with redis-cluster:// or the option ` +
      'cluster; if you do, retry, since slots are moving'
    )
  }
  if (/cluster support disabled/.test(text)) {
    return `${server} is no Redis Cluster. Connect with redis:// or host and port`
  }
  return `Redis at ${server} answered with an error: ${text.slice(0, MAX_QUOTED)}. Check what it says, and the log of Redis`
}

/** Of what Redis answered. */
const MAX_QUOTED = 120

function refused({ server, systemCode }: Failed): string {
  if (systemCode === 'ENOENT') {
    return `there is no Unix socket at ${server}. Start Redis, or check path against "unixsocket" in redis.conf`
  }
  if (systemCode === 'EACCES') {
    return `this process may not open the Unix socket ${server}. Check "unixsocketperm" in redis.conf, and the groups of its user`
  }
  return (
    `nothing accepts connections at ${server}. Start Redis there, or check host, port and firewall; test with ` +
    'redis-cli ping'
  )
}

function mayNot(denied: Denial, command: string): string {
  if (isRight(denied)) return `may not run '${denied}': ${lostWithout(denied)}`
  if (denied === 'a key') return `may not use a key that ${command} names`
  if (denied === 'a channel') return `may not use a channel that ${lacking(command)} names`
  return `may not run ${lacking(command)}`
}

function lacking(command: string): string {
  return command === 'EVAL' ? 'EVAL or a command in its script' : command
}
