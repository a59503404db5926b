import {
  DOCS,
  RedisOAuthDatabaseError,
  type RedisOAuthDatabaseErrorCode,
} from '../../leaves/errors.js'
import { WrongReply } from '../protocol/replies.js'
import { UnreadableReplies } from '../protocol/reply-frames.js'
import { denialIn } from '../protocol/rights.js'
import { ADVICE, type Reason } from './advice.js'
import type { Effect } from './command.js'
import { lastNodeErrorOf } from './internals/cluster.js'
import { lastSentinelErrorOf, MISDIRECTED, TIMED_OUT } from './internals/texts.js'
import { HANDSHAKE_CUT, lackOf, prefixOf, redacted } from './redaction.js'
import { NEVER_ANSWERED, NO_REDIS } from './retry.js'

/** What a failed command was, as far as its error may tell. */
export interface FailedCommand {
  readonly name: string
  readonly effect: Effect
  /** How often it was sent without being refused by Redis. */
  readonly writes: number
}

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
  if (message === NO_REDIS.message) return 'NOT_REDIS'
  if (MISDIRECTED.test(message)) return 'CLUSTER_DOWN'
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

/** Whether a master refused a write because too few replicas are in step with it. */
export function lacksReplicas(error: unknown): boolean {
  return prefixOf(partsOf(error).message) === 'NOREPLICAS'
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
      `${name} was sent to Redis at ${server} without an answer (${isWrong ? cause.message : codeOf(error)}). It may have happened. Before you retry, see ` +
        `${DOCS}/errors.md#outcome_unknown`,
      { cause },
    )
  }
  if (error instanceof RedisOAuthDatabaseError) return error
  const reason = reasonOf(error)
  const advice = ADVICE[isWrong ? 'NOT_REDIS' : reason]({
    server,
    command: name,
    text: cause.message,
    systemCode: (cause as { code?: string }).code,
    denied: denialIn(cause.message),
  })
  const quoted = isWrong ? ` (${cause.message})` : ''
  return new RedisOAuthDatabaseError(reason, `${advice}${quoted}`, { cause })
}

/** The error of a scan whose cursors lead nowhere. */
export function endlessScanFailure(server: string): RedisOAuthDatabaseError {
  return new RedisOAuthDatabaseError(
    'REDIS_ERROR',
    `${server} does not answer as Redis does: the cursors of a scan never end. Check any proxy between`,
  )
}

/** The error of a scan whose connection never lasted to its end. */
export function interruptedScanFailure(server: string, times: number): RedisOAuthDatabaseError {
  return new RedisOAuthDatabaseError(
    'CONNECTION_LOST',
    `the connection to Redis at ${server} was cut ${times} times before the scan of its keys ended. Check the log of Redis and ` +
      'the network, and retry',
  )
}

/** What to tell of a first connection that failed: that it was lost is not yet the reason. */
export function firstFailure(error: unknown): unknown {
  if (error instanceof UnreadableReplies) return error.isTls ? NEVER_ANSWERED : NO_REDIS
  return codeOf(error) === 'CONNECTION_LOST' && !isReply(error) ? NEVER_ANSWERED : error
}

/** The error of a call with a client of the caller's that has ended. */
export function endedClientFailure(server: string): RedisOAuthDatabaseError {
  return new RedisOAuthDatabaseError(
    'CLOSED',
    `the ioredis client given as options.client (${server}) has ended: by quit(), disconnect(), or its retryStrategy. Give a ` +
      'new one to a new database',
  )
}

/** The error of an operation that `close()` came before. */
export function closedFailure(server: string): RedisOAuthDatabaseError {
  return new RedisOAuthDatabaseError(
    'CLOSED',
    `this database (Redis at ${server}) was closed by close(). Make a new one`,
  )
}

/** The error of an operation that `close()` ended between its steps. */
export function partlyDoneFailure(server: string): RedisOAuthDatabaseError {
  return new RedisOAuthDatabaseError(
    'OUTCOME_UNKNOWN',
    `close() ended it while it was under way (Redis at ${server}). Some of it may have happened: read before you retry`,
  )
}

/** The error of a scan that would miss the keys of a part of the Cluster. */
export function partlyDownFailure(server: string): RedisOAuthDatabaseError {
  return new RedisOAuthDatabaseError(
    'CLUSTER_DOWN',
    `no node of the Redis Cluster at ${server} serves some of its hash slots. Check redis-cli CLUSTER INFO`,
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

/** Codes of Node, which names those of a certificate as OpenSSL does: `X509_V_ERR_CERT_REVOKED` is `CERT_REVOKED`. */
const TLS_CODE =
  /^(ERR_(TLS|SSL|OSSL)_.*|(.*_)?(CERT|CRL)(_.*)?|UNABLE_TO_(VERIFY_LEAF_SIGNATURE|DECODE_ISSUER_PUBLIC_KEY)|INVALID_(CA|PURPOSE)|PATH_LENGTH_EXCEEDED|HOSTNAME_MISMATCH|EPROTO)$/

const REPLY_CODES: Readonly<Record<string, Reason>> = {
  WRONGPASS: 'AUTHENTICATION_FAILED',
  NOAUTH: 'AUTHENTICATION_REQUIRED',
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
  if (denialIn(message) !== undefined) return 'PERMISSION_DENIED'
  const known = REPLY_CODES[prefixOf(message)]
  if (known !== undefined) return known
  if (/DB index|database index|SELECT is not allowed/i.test(message)) return 'DATABASE_OUT_OF_RANGE'
  if (/max number of clients/i.test(message)) return 'TOO_MANY_CLIENTS'
  // Redis 5 and older: no user names, and another wording.
  if (/invalid password|wrong number of arguments for 'auth'/i.test(message))
    return 'AUTHENTICATION_FAILED'
  return LACK_CODES[lackOf(message) ?? 'nothing']
}

const LACK_CODES = {
  command: 'UNSUPPORTED_BY_SERVER',
  argument: 'SERVER_TOO_OLD',
  nothing: 'REDIS_ERROR',
} as const satisfies Record<string, Reason>

// ioredis has only words for what became of the last of the Sentinels.
function reasonOfSentinels(said: string): Reason {
  // A Redis that is no Sentinel knows none either.
  if (/No such master/.test(said) || lackOf(said) === 'command') return 'MASTER_NOT_FOUND'
  if (TIMED_OUT.test(said)) return 'CONNECTION_TIMEOUT'
  const reason = reasonOfReply(said)
  // "Connection is closed": why there was never one is not told.
  return Object.values<Reason>(LACK_CODES).includes(reason) ? 'CONNECTION_REFUSED' : reason
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
