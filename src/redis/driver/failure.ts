import { RedisOAuthDatabaseError, type RedisOAuthDatabaseErrorCode } from '../../errors.js'
import { WrongReply } from '../protocol/replies.js'
import type { Effect } from './command.js'
import { lastNodeErrorOf, lastSentinelErrorOf, TIMED_OUT } from './internals.js'
import { HANDSHAKE_CUT, lackOf, redacted } from './redaction.js'

/** What a failed command was, as far as its error may tell. */
export interface FailedCommand {
  readonly name: string
  readonly effect: Effect
  /** How often it was sent without being refused by Redis. */
  readonly writes: number
}

/** What a failure that was not ours to begin with can be. */
type Reason = keyof typeof ADVICE

/** A driver's or Redis' error, under the code that callers match. */
export function codeOf(error: unknown): RedisOAuthDatabaseErrorCode {
  return error instanceof RedisOAuthDatabaseError ? error.code : reasonOf(error)
}

function reasonOf(error: unknown): Reason {
  if (error instanceof WrongReply) return 'REDIS_ERROR'
  const { name, message, code } = partsOf(error)
  if (name === 'ReplyError') return reasonOfReply(message)
  const sentinelError = lastSentinelErrorOf(message)
  if (sentinelError !== undefined) return reasonOfSentinels(sentinelError)
  if (code !== undefined) {
    if (TLS_CODE.test(code)) return 'TLS_FAILED'
    const known = SYSTEM_CODES[code]
    if (known !== undefined) return known
  }
  if (TIMED_OUT.test(message))
    return lastNodeErrorOf(error) === undefined ? 'TIMEOUT' : 'CONNECTION_TIMEOUT'
  if (/max number of clients/i.test(message)) return 'TOO_MANY_CLIENTS'
  if (message.startsWith(HANDSHAKE_CUT)) return 'TLS_FAILED'
  return 'CONNECTION_LOST'
}

/** Whether Redis itself said no, so that the command certainly did nothing. */
export function isReply(error: unknown): boolean {
  return partsOf(error).name === 'ReplyError'
}

/**
 * The error that a caller gets. It names the command and the server and says what to do. Its `cause` is a redacted copy of
 * the driver's error: ioredis attaches a command's arguments to its errors, and Redis quotes them in some.
 */
export function failureOf(
  error: unknown,
  server: string,
  command: FailedCommand,
): RedisOAuthDatabaseError {
  const cause = redacted(error)
  const isWrong = error instanceof WrongReply
  const name = command.name.toUpperCase()
  if (command.effect !== 'read' && command.writes > 0) {
    return new RedisOAuthDatabaseError(
      'OUTCOME_UNKNOWN',
      `${name} was sent to Redis at ${server} and got no answer (${isWrong ? cause.message : codeOf(error)}): it may or may ` +
        'not have happened. Read the key again before you rely on either',
      { cause },
    )
  }
  if (error instanceof RedisOAuthDatabaseError) return error
  const reason = reasonOf(error)
  const advice = isWrong ? wrongReplyAdvice(server) : ADVICE[reason](server, name)
  const quoted = reason === 'REDIS_ERROR' ? ` (${cause.message})` : ''
  return new RedisOAuthDatabaseError(reason, `${advice}${quoted}`, { cause })
}

/** The error of a scan whose cursors lead nowhere. */
export function endlessScanFailure(server: string): RedisOAuthDatabaseError {
  return new RedisOAuthDatabaseError(
    'REDIS_ERROR',
    `${wrongReplyAdvice(server)} (its cursors never end)`,
  )
}

/** The error of a scan whose connection never lasted to its end. */
export function interruptedScanFailure(server: string, times: number): RedisOAuthDatabaseError {
  return new RedisOAuthDatabaseError(
    'CONNECTION_LOST',
    `the connection to Redis at ${server} was cut before the scan of its keys came to an end, ${times} times. ` +
      'Check that the network holds',
  )
}

function wrongReplyAdvice(server: string): string {
  return `${server} does not answer as Redis does. Check that a Redis listens there, and what any proxy between does`
}

/** The error of an operation that `close()` came before. */
export function closedFailure(server: string): RedisOAuthDatabaseError {
  return new RedisOAuthDatabaseError(
    'CLOSED',
    `this database (Redis at ${server}) was closed by close(). Create a new one`,
  )
}

/** The error of a scan that would miss the keys of a part of the Cluster. */
export function partlyDownFailure(server: string): RedisOAuthDatabaseError {
  return new RedisOAuthDatabaseError(
    'CLUSTER_DOWN',
    `nobody serves a part of the hash slots of the Redis Cluster at ${server}. Check CLUSTER INFO`,
  )
}

const SYSTEM_CODES: Readonly<Record<string, Reason>> = {
  ECONNREFUSED: 'CONNECTION_REFUSED',
  // A Unix socket that is not there, or that this user may not open.
  ENOENT: 'CONNECTION_REFUSED',
  EACCES: 'CONNECTION_REFUSED',
  ENOTFOUND: 'HOST_NOT_FOUND',
  EAI_AGAIN: 'HOST_NOT_FOUND',
  ETIMEDOUT: 'CONNECTION_TIMEOUT',
  EHOSTUNREACH: 'CONNECTION_TIMEOUT',
  ENETUNREACH: 'CONNECTION_TIMEOUT',
}

const TLS_CODE = /^ERR_(TLS|SSL|OSSL)_|CERT|SELF_SIGNED|UNABLE_TO_|^EPROTO$|HOSTNAME_MISMATCH/

const REPLY_CODES: Readonly<Record<string, Reason>> = {
  WRONGPASS: 'AUTHENTICATION_FAILED',
  NOAUTH: 'AUTHENTICATION_REQUIRED',
  NOPERM: 'PERMISSION_DENIED',
  OOM: 'OUT_OF_MEMORY',
  READONLY: 'READ_ONLY',
  NOREPLICAS: 'READ_ONLY',
  LOADING: 'LOADING',
  MASTERDOWN: 'LOADING',
  WRONGTYPE: 'WRONG_TYPE',
  CLUSTERDOWN: 'CLUSTER_DOWN',
  // Of a command with several keys, some of which are where the slot is on its way to.
  TRYAGAIN: 'CLUSTER_DOWN',
}

function reasonOfReply(message: string): Reason {
  const prefix = /^[A-Z]+/.exec(message)?.[0] ?? ''
  const known = REPLY_CODES[prefix]
  if (known !== undefined) return known
  if (/DB index|database index|SELECT is not allowed/i.test(message)) return 'DATABASE_OUT_OF_RANGE'
  if (/max number of clients/i.test(message)) return 'TOO_MANY_CLIENTS'
  // Redis 5 and older: no user names, and another wording.
  if (/invalid password|wrong number of arguments for 'auth'/i.test(message))
    return 'AUTHENTICATION_FAILED'
  // A script's own error carries the one it met.
  const nested = /\b(OOM|READONLY|NOPERM|WRONGTYPE|NOREPLICAS)\b/.exec(message)?.[1]
  const met = nested === undefined ? undefined : REPLY_CODES[nested]
  return met ?? LACK_CODES[lackOf(message) ?? 'nothing']
}

const LACK_CODES = {
  command: 'UNSUPPORTED_BY_SERVER',
  argument: 'SERVER_TOO_OLD',
  nothing: 'REDIS_ERROR',
} as const satisfies Record<string, Reason>

// ioredis has only words for what became of the last of the Sentinels.
function reasonOfSentinels(said: string): Reason {
  if (/No such master/.test(said)) return 'HOST_NOT_FOUND'
  if (TIMED_OUT.test(said)) return 'CONNECTION_TIMEOUT'
  const reason = reasonOfReply(said)
  // "Connection is closed": why there was never one is not told.
  return Object.values<Reason>(LACK_CODES).includes(reason) ? 'CONNECTION_REFUSED' : reason
}

/** What callers lose without a command. */
const LOST: Readonly<Record<string, string>> = {
  SET: 'nothing is stored',
  DEL: 'nothing is deleted',
  EXISTS: 'nobody can tell what is stored',
  MGET: 'reads that are called together fail',
  SCAN: 'tokens and users cannot be listed, and nothing be resealed',
  HGETALL: "a user's records cannot be listed or deleted",
  EVAL: 'access tokens and PKCE values cannot be stored, and there are no leases: refreshes and registrations are not coordinated',
  SUBSCRIBE: 'nobody is woken when a lease ends',
  TIME: 'health() cannot compare clocks',
  INFO: 'health() knows nothing of the server, and there is no near cache',
}

const lostWithout = (command: string): string => LOST[command] ?? 'this call cannot be answered'
const lacking = (command: string): string =>
  command === 'EVAL' ? 'EVAL or a command that its script calls' : command

const ADVICE = {
  CONNECTION_REFUSED: (server: string) =>
    `nothing accepts connections at ${server}. Check that Redis runs there, that host and port are right and that no ` +
    'firewall is between; test with redis-cli ping',
  HOST_NOT_FOUND: (server: string) =>
    `the host name of ${server} does not resolve. Check its spelling and the DNS`,
  CONNECTION_TIMEOUT: (server: string) =>
    `no connection to ${server} was established in time. Check host, port and firewall, and with TLS that the port speaks ` +
    'it; on a slow network raise connectionTimeout',
  CONNECTION_LOST: (server: string) =>
    `the connection to Redis at ${server} was dropped and not re-established in time. Check that Redis runs and that the ` +
    'network holds; for longer outages raise maxRetriesPerRequest or retryDelayOnFailover',
  TLS_FAILED: (server: string) =>
    `the TLS handshake with ${server} failed. Check that this port speaks TLS (rediss://), that tls.ca has the authority ` +
    'that signed its certificate, and that the certificate is for this name and has not expired',
  AUTHENTICATION_REQUIRED: (server: string) =>
    `Redis at ${server} requires a password and none was given. Set password`,
  AUTHENTICATION_FAILED: (server: string) =>
    `Redis at ${server} refused user name or password. Check both; before Redis 6 there is a password only`,
  PERMISSION_DENIED: (server: string) =>
    `the Redis user may not do this at ${server}. Give it the ACL rule of docs/operations.md, with your keyPrefix`,
  DATABASE_OUT_OF_RANGE: (server: string) =>
    `Redis at ${server} has no database of that number. Check db, and "databases" in redis.conf; a Cluster has only 0`,
  OUT_OF_MEMORY: (server: string) =>
    `Redis at ${server} has reached maxmemory and may not evict. Raise maxmemory or remove what is not needed`,
  READ_ONLY: (server: string) =>
    `${server} takes no writes: it is a replica, or a master without enough replicas. Check that host names the master`,
  LOADING: (server: string) => `Redis at ${server} is loading its data. Try again once it is ready`,
  TOO_MANY_CLIENTS: (server: string) =>
    `Redis at ${server} has no connection left. Raise maxclients or close connections that are not used`,
  CLUSTER_DOWN: (server: string) =>
    `the Redis Cluster at ${server} does not serve this hash slot. Check CLUSTER INFO`,
  TIMEOUT: (server: string) =>
    `no answer from Redis at ${server} within commandTimeout. Check the load of server and network, or raise commandTimeout`,
  WRONG_TYPE: (server: string) =>
    `the key holds a Redis type that @atxp/redis never writes (${server}). Give the database a keyPrefix of its own`,
  SERVER_TOO_OLD: (server: string, command: string) =>
    `${server} does not take ${lacking(command)} as Redis does from 6.2 on, and so ${lostWithout(command)}. Use Redis 6.2 or later, or Valkey`,
  UNSUPPORTED_BY_SERVER: (server: string, command: string) =>
    `${server} lacks ${lacking(command)}, or blocks it, and so ${lostWithout(command)}. docs/servers-and-runtimes.md says which servers have it; ` +
    'check rename-command, and what any proxy between lets through',
  REDIS_ERROR: (server: string) => `Redis at ${server} answered with an error`,
}

function partsOf(error: unknown): { name: string; message: string; code: string | undefined } {
  if (typeof error !== 'object' || error === null)
    return { name: 'Error', message: '', code: undefined }
  const lastNodeError = lastNodeErrorOf(error)
  if (lastNodeError !== undefined) return partsOf(lastNodeError)
  const { name, message, code } = error as Record<string, unknown>
  return {
    name: typeof name === 'string' ? name : 'Error',
    message: typeof message === 'string' ? message : '',
    code: typeof code === 'string' ? code : undefined,
  }
}
