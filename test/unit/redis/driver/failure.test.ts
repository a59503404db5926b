import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  RedisOAuthDatabaseError,
  type RedisOAuthDatabaseErrorCode,
} from '../../../../src/leaves/errors.js'
import {
  closedFailure,
  codeOf,
  type FailedCommand,
  failureOf,
} from '../../../../src/redis/driver/failure.js'
import { redacted, shownOf } from '../../../../src/redis/driver/redaction.js'
import { WrongReply } from '../../../../src/redis/protocol/replies.js'

const SERVER = 'redis.example.com:6380'

/** As ioredis makes them: with the command and its arguments. */
function reply(message: string, args: string[] = []): Error {
  return Object.assign(new Error(message), { name: 'ReplyError', command: { name: 'get', args } })
}

function systemError(code: string, message = `connect ${code} 127.0.0.1:6380`): Error {
  return Object.assign(new Error(message), { code, errno: -1, syscall: 'connect' })
}

function read(): FailedCommand {
  return { name: 'get', effect: 'read', writes: 1 }
}

function write(writes: number): FailedCommand {
  return { name: 'set', effect: 'write', writes }
}

describe('what Redis says is told by code', () => {
  it.each<[RedisOAuthDatabaseErrorCode, string]>([
    ['AUTHENTICATION_REQUIRED', 'NOAUTH Authentication required.'],
    [
      'AUTHENTICATION_REQUIRED',
      'NOAUTH HELLO must be called with the client already authenticated, otherwise ...',
    ],
    ['AUTHENTICATION_FAILED', 'WRONGPASS invalid username-password pair or user is disabled.'],
    ['AUTHENTICATION_FAILED', 'ERR invalid password'],
    ['AUTHENTICATION_FAILED', "ERR wrong number of arguments for 'auth' command"],
    [
      'PERMISSION_DENIED',
      "NOPERM this user has no permissions to run the 'get' command or its subcommand",
    ],
    ['PERMISSION_DENIED', "NOPERM User bob has no permissions to run the 'get' command"],
    ['PERMISSION_DENIED', 'NOPERM No permissions to access a key'],
    [
      'PERMISSION_DENIED',
      "ERR The user executing the script can't run this command or subcommand script: 10, on @user_script:1.",
    ],
    [
      'PERMISSION_DENIED',
      "ERR ACL failure in script: User u has no permissions to run the 'time' command script: 10, on @user_script:1.",
    ],
    [
      'PERMISSION_DENIED',
      'ERR ACL failure in script: No permissions to access a channel script: on @user_script:1.',
    ],
    ['DATABASE_OUT_OF_RANGE', 'ERR DB index is out of range'],
    ['DATABASE_OUT_OF_RANGE', 'ERR invalid DB index'],
    ['DATABASE_OUT_OF_RANGE', 'ERR SELECT is not allowed in cluster mode'],
    ['OUT_OF_MEMORY', "OOM command not allowed when used memory > 'maxmemory'."],
    ['OUT_OF_MEMORY', 'ERR user_script:1: OOM command not allowed when used memory > ...'],
    ['OUT_OF_MEMORY', '@user_script: 8: -OOM command not allowed when used memory > ...'],
    [
      'READ_ONLY',
      "ERR Error running script (call to f_0): @user_script:1: @user_script: 1: -READONLY You can't write against a read only replica.",
    ],
    ['READ_ONLY', "READONLY You can't write against a read only replica."],
    ['READ_ONLY', 'NOREPLICAS Not enough good replicas to write.'],
    [
      'READ_ONLY',
      "ERR Error running script (call to f_1): @user_script:1: -READONLY You can't write against ...",
    ],
    ['LOADING', 'LOADING Redis is loading the dataset in memory'],
    ['LOADING', "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."],
    ['TOO_MANY_CLIENTS', 'ERR max number of clients reached'],
    ['CLUSTER_DOWN', 'CLUSTERDOWN The cluster is down'],
    ['CLUSTER_DOWN', 'CLUSTERDOWN Hash slot not served'],
    ['WRONG_TYPE', 'WRONGTYPE Operation against a key holding the wrong kind of value'],
    ['REDIS_ERROR', "MISCONF Redis is configured to save RDB snapshots, but it's currently unable"],
    ['UNSUPPORTED_BY_SERVER', "ERR unknown command 'PEXPIRETIME', with args beginning with: 'a' "],
    ['UNSUPPORTED_BY_SERVER', 'ERR unknown command `EVAL`, with args beginning with: `return 1`, '],
    ['UNSUPPORTED_BY_SERVER', 'ERR command is not allowed'],
    ['UNSUPPORTED_BY_SERVER', "ERR command 'client|tracking' is not allowed"],
    ['UNSUPPORTED_BY_SERVER', 'ERR command eval not support for normal user'],
    [
      'UNSUPPORTED_BY_SERVER',
      "ERR Unknown subcommand or wrong number of arguments for 'TRACKING'. Try CLIENT HELP",
    ],
    [
      'UNSUPPORTED_BY_SERVER',
      'ERR Unknown Redis command called from script script: 5d, on @user_script:1.',
    ],
    ['SERVER_TOO_OLD', 'ERR syntax error'],
    [
      'SERVER_TOO_OLD',
      'ERR Error running script (call to f_1): @user_script:5: @user_script: 5: ERR syntax error ',
    ],
    ['REDIS_ERROR', 'BUSY Redis is busy running a script.'],
    ['REDIS_ERROR', ''],
  ])('%s: %s', (code, message) => {
    expect(codeOf(reply(message))).toBe(code)
    expect(codeOf(redacted(reply(message)))).toBe(code)
    const error = failureOf(reply(message), SERVER, read())
    expect(error).toBeInstanceOf(RedisOAuthDatabaseError)
    expect(error.code).toBe(code)
    expect(error.message).toContain(SERVER)
  })
})

describe('what the system and TLS say is told by code', () => {
  it.each<[RedisOAuthDatabaseErrorCode, string]>([
    ['CONNECTION_REFUSED', 'ECONNREFUSED'],
    ['CONNECTION_REFUSED', 'ENOENT'],
    ['CONNECTION_REFUSED', 'EACCES'],
    ['HOST_NOT_FOUND', 'ENOTFOUND'],
    ['HOST_NOT_FOUND', 'EAI_AGAIN'],
    ['CONNECTION_TIMEOUT', 'ETIMEDOUT'],
    ['CONNECTION_TIMEOUT', 'EHOSTUNREACH'],
    ['CONNECTION_LOST', 'ECONNRESET'],
    ['CONNECTION_LOST', 'EPIPE'],
    ['TLS_FAILED', 'SELF_SIGNED_CERT_IN_CHAIN'],
    ['TLS_FAILED', 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    ['TLS_FAILED', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ['TLS_FAILED', 'CERT_HAS_EXPIRED'],
    ['TLS_FAILED', 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['TLS_FAILED', 'ERR_SSL_WRONG_VERSION_NUMBER'],
    ['TLS_FAILED', 'EPROTO'],
    ['TLS_FAILED', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY'],
    ['TLS_FAILED', 'UNABLE_TO_GET_CRL'],
    ['TLS_FAILED', 'CRL_HAS_EXPIRED'],
    ['TLS_FAILED', 'INVALID_PURPOSE'],
    ['TLS_FAILED', 'HOSTNAME_MISMATCH'],
    ['CONNECTION_LOST', 'UNABLE_TO_CONNECT'],
    ['CONNECTION_LOST', 'CERTAINLY_NOT'],
  ])('%s: %s', (code, systemCode) => {
    const error = failureOf(systemError(systemCode), SERVER, read())
    expect(error.code).toBe(code)
    expect(error.message).toContain(SERVER)
    expect(error.cause).toMatchObject({ code: systemCode })
    expect(codeOf(error.cause)).toBe(code)
  })

  it('a connection that ends during the handshake has failed by TLS', () => {
    const text = 'Client network socket disconnected before secure TLS connection was established'
    const error = failureOf(systemError('ECONNRESET', text), SERVER, read())
    expect(error.code).toBe('TLS_FAILED')
    expect(codeOf(error.cause)).toBe('TLS_FAILED')
  })

  it.each([
    ['CONNECTION_LOST', new Error('SSL')],
    ['CONNECTION_LOST', new Error('all certificates of the pool are in use')],
    ['CONNECTION_LOST', systemError('ECONNRESET', 'read ECONNRESET at tls-proxy.example.com')],
    ['CONNECTION_LOST', new Error('Connection is closed. certificate-7f3a.example.com')],
  ] as const)('%s: a text that only mentions TLS: %s', (code, error) => {
    expect(codeOf(error)).toBe(code)
  })

  it('a Cluster that gives no slots in time cannot be connected to', () => {
    const error = Object.assign(new Error('Failed to refresh slots cache.'), {
      lastNodeError: new Error('timeout'),
    })
    expect(failureOf(error, SERVER, read()).code).toBe('CONNECTION_TIMEOUT')
  })

  it('a Cluster that cannot be reached fails as its last node did', () => {
    const lastNodeError = systemError('ECONNREFUSED')
    const error = Object.assign(new Error('Failed to refresh slots cache.'), { lastNodeError })
    expect(failureOf(error, SERVER, read()).code).toBe('CONNECTION_REFUSED')
  })

  it.each([undefined, null, 'a text', 5, {}, new Error('')])('CONNECTION_LOST: %s', (error) => {
    expect(failureOf(error, SERVER, read()).code).toBe('CONNECTION_LOST')
  })
})

describe('a write', () => {
  it('that left and got no answer has an unknown outcome, whatever ended it', () => {
    for (const reason of [systemError('ECONNRESET'), new Error('timed out'), new Error('')]) {
      const error = failureOf(reason, SERVER, write(1))
      expect(error.code).toBe('OUTCOME_UNKNOWN')
      expect(error.message).toContain('SET was sent to Redis at redis.example.com:6380')
    }
  })

  it('that never left has failed', () => {
    const error = failureOf(systemError('ECONNREFUSED'), SERVER, write(0))
    expect(error.code).toBe('CONNECTION_REFUSED')
    expect(failureOf(new Error('timed out'), SERVER, write(0)).code).toBe('TIMEOUT')
  })

  it('that Redis has refused did nothing', () => {
    const error = failureOf(reply('OOM command not allowed'), SERVER, write(0))
    expect(error.code).toBe('OUT_OF_MEMORY')
  })
})

it('a read without an answer has failed, whether it left or not', () => {
  expect(failureOf(systemError('ECONNRESET'), SERVER, read()).code).toBe('CONNECTION_LOST')
})

it('an error of ours stays as it is', () => {
  const closed = closedFailure(SERVER)
  expect(closed.message).toContain(SERVER)
  expect(failureOf(closed, SERVER, read())).toBe(closed)
})

it('of other errors of Redis the words that are known are quoted, and of all else the prefix', () => {
  const busy =
    'BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.'
  expect(failureOf(reply(busy), SERVER, read()).message).toContain(
    ': BUSY Redis is busy running a script',
  )
  const other = failureOf(reply('EXECABORT because of the-token'), SERVER, read()).message
  expect(other).toMatch(/: EXECABORT: its text is left out/)
})

it.each([
  ["NOPERM User bob has no permissions to run the 'hset' command", /may not run 'hset': .*stored/],
  [
    "NOPERM this user has no permissions to run the 'client|id' command",
    /may not run 'client\|id'/,
  ],
  [
    "NOPERM User bob has no permissions to run the 'secret' command",
    /may not run EVAL or a command/,
  ],
  ["ERR The user executing the script can't run this command", /may not run EVAL or a command/],
  ['NOPERM No permissions to access a key', /may not use a key that EVAL names/],
  ['NOPERM this user has no permissions to access one of the keys used', /may not use a key/],
  ['NOPERM No permissions to access a channel', /may not use a channel/],
])('what a user may not is told by what is denied: %s', (said, advice) => {
  const denied = { name: 'eval', effect: 'read', writes: 0 } as const
  const { message } = failureOf(reply(said), SERVER, denied)
  expect(message).toMatch(advice)
  expect(message).toContain('docs/operations.md')
  expect(message).not.toMatch(/bob|secret/)
  expect(failureOf(redacted(reply(said)), SERVER, denied).message).toBe(message)
})

it.each(['SET', 'DEL', 'EXISTS', 'MGET', 'SCAN', 'EVAL', 'SUBSCRIBE', 'TIME', 'INFO'])(
  'what a server lacks is told by the command, and by what is lost without it: %s',
  (name) => {
    const lacking = { name, effect: 'read', writes: 0 } as const
    const { message } = failureOf(reply('ERR unknown command'), SERVER, lacking)
    expect(message).toMatch(new RegExp(` lacks or blocks ${name}.*: `))
    expect(message).not.toContain('this call cannot be answered')
  },
)

it('a reply of a wrong type is told by what came and what was due', () => {
  const wrong = new WrongReply(null, 'a list')
  expect(failureOf(wrong, SERVER, read())).toMatchObject({
    code: 'REDIS_ERROR',
    message: expect.stringContaining('nil came where a list was due'),
  })
  expect(failureOf(wrong, SERVER, write(1)).code).toBe('OUTCOME_UNKNOWN')
})

describe('nothing of a record, a user or a password stands in', () => {
  function shown(error: Error): string {
    const { cause } = error as { cause?: Error }
    return [
      error.message,
      error.stack,
      String(cause),
      cause?.stack,
      JSON.stringify(error),
      JSON.stringify(cause),
      inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true }),
    ].join('\n')
  }

  /** As they come: from Redis, from a script in it, from ioredis that quotes a reply, from a Sentinel, from the system. */
  const starts = fc.constantFrom(
    '',
    'ERR ',
    'NOPERM User ',
    'WRONGPASS ',
    'MOVED 1 ',
    "ERR unknown command 'X', with args beginning with: ",
    'ERR user_script:1: OOM ',
    'Command queue state error. If you can reproduce this, please report it. Last reply: ',
    'Command queue state error. If you can reproduce this, please report it. Last error: ERR ',
    'Protocol error, got ',
    'All sentinels are unreachable. Retrying from scratch after 1ms. Last error: ',
    'Too many Cluster redirections. Last error: ReplyError: MOVED 1 ',
    'connect ECONNREFUSED ',
  )
  const secret = fc.oneof(
    fc.stringMatching(/^Zq[A-Za-z0-9]{12,400}$/),
    fc.stringMatching(/^[A-Z]{14,40}$/),
    fc.stringMatching(/^zq[a-z.]{12,60}:\d{4}$/),
  )
  const errors = fc
    .tuple(starts, secret, fc.constantFrom('ReplyError', 'Error', 'ParserError'), fc.boolean())
    .map(([start, text, name, isCoded]) => ({
      text,
      error: Object.assign(new Error(`${start}${text}`), {
        name,
        buffer: text,
        command: { name: 'set', args: [text] },
        // Only Node sets these.
        ...(isCoded && { code: 'ECONNRESET', syscall: 'read' }),
      }),
    }))

  it('a message, a cause, a stack or what inspect shows, whoever quotes it', () => {
    fc.assert(
      fc.property(errors, fc.constantFrom(0, 1), ({ text, error }, writes) => {
        const seen = shown(failureOf(error, SERVER, write(writes)))
        for (const part of [text, text.slice(0, 12), text.slice(-12)])
          expect(seen).not.toContain(part)
      }),
      { numRuns: 2_000 },
    )
  })

  it('a copy, which is one for each error, and means the same', () => {
    fc.assert(
      fc.property(errors, ({ error }) => {
        const copy = redacted(error)
        expect(redacted(error)).toBe(copy)
        expect(redacted(copy)).toBe(copy)
        expect(codeOf(copy)).toBe(codeOf(error))
        expect(shownOf(shownOf(error.message))).toBe(shownOf(error.message))
      }),
    )
  })

  it('an error whose command ioredis attached', () => {
    const denied = reply('OOM command not allowed when used memory', ['the-token'])
    const text = shown(failureOf(denied, SERVER, write(1)))
    expect(text).not.toContain('the-token')
    expect(text).toContain('OOM')
  })
})
