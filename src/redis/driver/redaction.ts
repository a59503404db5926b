import { RedisOAuthDatabaseError } from '../../leaves/errors.js'
import { WrongReply } from '../protocol/replies.js'
import { type Denial, denialIn, isRight } from '../protocol/rights.js'
import { lastNodeErrorOf } from './internals/cluster.js'
import { DRIVER_TEXTS } from './internals/texts.js'

// What Redis says is never passed on as it is: it quotes commands, and after a surplus reply ioredis quotes somebody's record.
// So this is a list of what may be shown. All else is dropped.

/** Of Node. The code of such an error is that of any lost connection; other failures of TLS have codes of their own. */
export const HANDSHAKE_CUT =
  'Client network socket disconnected before secure TLS connection was established'

/** Beginnings of messages, as far as they are the same for everyone. */
const KNOWN_TEXTS: readonly string[] = [
  'BUSY Redis is busy running a script',
  'BUSY Valkey is busy running a script',
  'CLUSTERDOWN Hash slot not served',
  'CLUSTERDOWN The cluster is down',
  "CROSSSLOT Keys in request don't hash to the same slot",
  'DENIED Redis is running in protected mode',
  'DENIED Running in protected mode',
  'ERR Client sent AUTH, but no password is set',
  'ERR DB index is out of range',
  'ERR No such master with that name',
  'ERR SELECT is not allowed in cluster mode',
  'ERR This instance has cluster support disabled',
  'ERR invalid DB index',
  'ERR invalid expire time',
  'ERR invalid password',
  'ERR max number of clients reached',
  'ERR syntax error',
  'ERR unknown command',
  'ERR unknown subcommand',
  'ERR value is not an integer or out of range',
  "ERR wrong number of arguments for 'auth' command",
  'ERR wrong number of arguments',
  'LOADING Redis is loading the dataset in memory',
  'LOADING Valkey is loading the dataset in memory',
  'MASTERDOWN Link with MASTER is down',
  'MISCONF Errors writing to the AOF file',
  'MISCONF Redis is configured to save RDB snapshots',
  'MISCONF Valkey is configured to save RDB snapshots',
  'NOAUTH Authentication required',
  'NOREPLICAS Not enough good replicas to write',
  "OOM command not allowed when used memory > 'maxmemory'",
  "READONLY You can't write against a read only replica",
  'TRYAGAIN Multiple keys request during rehashing of slot',
  'WRONGPASS invalid username-password pair or user is disabled',
  'WRONGTYPE Operation against a key holding the wrong kind of value',
  ...DRIVER_TEXTS,
  HANDSHAKE_CUT,
  // Of ours.
  'Sentinel named a server that is no master',
  'a reply that cannot be read',
  'answered in another protocol',
  'ended before it answered',
  'no connection in time',
  'timed out',
]

/** With which Redis' errors begin. */
const PREFIXES: ReadonlySet<string> = new Set(
  (
    'ASK BUSY BUSYGROUP BUSYKEY CLUSTERDOWN CROSSSLOT DENIED ERR EXECABORT INPROG IOERR LOADING MASTERDOWN MISCONF MOVED ' +
    'NOAUTH NOGOODSLAVE NOMASTERLINK NOPERM NOPROTO NOQUORUM NOREPLICAS NOSCRIPT NOTBUSY NOTREADY OOM READONLY ' +
    'TRYAGAIN UNBLOCKED UNKILLABLE WRONGPASS WRONGTYPE'
  ).split(' '),
)

/** How servers, managed services and proxies say what they lack, in the words that are shown for it. */
const REFUSALS: readonly [RegExp, string][] = [
  [/^ERR unknown (sub)?command|unknown (redis )?command called from/i, 'ERR unknown command'],
  [
    /^ERR (unsupported command|command .{0,60}\bnot (allowed|available|support))/is,
    'ERR command is not allowed',
  ],
  // Redis' own scripts nest it.
  [/\bERR syntax error/, 'ERR syntax error'],
]

/** What a server does not have, by its refusal: a command, or an argument of one that it has. */
export function lackOf(message: string): 'command' | 'argument' | undefined {
  const text = refusalIn(message)
  if (text === undefined) return undefined
  return text === 'ERR syntax error' ? 'argument' : 'command'
}

function refusalIn(message: string): string | undefined {
  return REFUSALS.find(([pattern]) => pattern.test(message))?.[1]
}

const LEFT_OUT = 'its text is left out, since it may hold a secret'

const NAMES: ReadonlySet<string> = new Set([
  'AbortError',
  'ClusterAllFailedError',
  'MaxRetriesPerRequestError',
  'ParserError',
  'ReplyError',
])

/** What may be shown of what a driver or Redis says. Saying it again changes nothing. */
export function shownOf(message: string): string {
  const denied = denialIn(message)
  if (denied !== undefined) return shownDenial(denied)
  const [own = '', last] = message.split('Last error: ')
  const known = knownTextOf(own)
  if (known !== undefined) {
    return last === undefined ? known : `${known}. Last error: ${shownOf(withoutName(last))}`
  }
  const refusal = refusalIn(message)
  if (refusal !== undefined) return refusal
  const prefix = prefixOf(message)
  return PREFIXES.has(prefix) ? `${prefix}: ${LEFT_OUT}` : LEFT_OUT
}

/** The word with which a reply's error begins: in Redis 6.2 that of a script hides in the script's own. */
export function prefixOf(message: string): string {
  const [, nested] = NESTED.exec(message) ?? []
  return nested ?? /^[A-Z]+/.exec(message)?.[0] ?? ''
}

const NESTED = /^(?:ERR |@user_script:).*?\b(OOM|READONLY|NOPERM|WRONGTYPE|NOREPLICAS|MISCONF)\b/s

function shownDenial(denied: Denial): string {
  if (denied === 'a command') return 'NOPERM this user has no permissions'
  if (!isRight(denied)) return `NOPERM No permissions to access ${denied}`
  return `NOPERM this user has no permissions to run the '${denied}' command`
}

const copies = new WeakMap<object, Error>()

/**
 * A copy of an error with nothing in it but what may be shown: the kind, a system's or TLS' code, known words. The same for the
 * same error.
 */
export function redacted(error: unknown): Error {
  if (error instanceof RedisOAuthDatabaseError || error instanceof WrongReply) return error
  if (typeof error !== 'object' || error === null) return copyOf({})
  let copy = copies.get(error)
  if (copy === undefined) {
    copy = copyOf(error)
    copies.set(error, copy)
    copies.set(copy, copy)
  }
  return copy
}

function copyOf(error: object): Error {
  const lastNodeError = lastNodeErrorOf(error)
  if (typeof lastNodeError === 'object' && lastNodeError !== null) return copyOf(lastNodeError)
  const { name, message, code, syscall } = error as Record<string, unknown>
  const text = typeof message === 'string' ? message : ''
  const copy = new Error(shownOf(text))
  // Of the system, of TLS.
  if (name !== 'ReplyError' && typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,63}$/.test(code)) {
    const call = typeof syscall === 'string' && /^[a-z]{1,20}$/.test(syscall) ? `${syscall} ` : ''
    copy.message = knownTextOf(text) ?? `${call}${code}`
    Object.assign(copy, { code })
  }
  copy.name = typeof name === 'string' && NAMES.has(name) ? name : 'Error'
  delete (copy as { stack?: string }).stack
  return copy
}

function knownTextOf(message: string): string | undefined {
  return KNOWN_TEXTS.find((text) => message.startsWith(text))
}

function withoutName(text: string): string {
  return text.replace(/^\w*Error: /, '')
}
