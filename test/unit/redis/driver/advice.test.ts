import { expect, test } from 'vitest'
import { ADVICE, type Reason } from '../../../../src/redis/driver/advice.js'
import { failureOf } from '../../../../src/redis/driver/failure.js'
import { NEVER_ANSWERED, NO_REDIS } from '../../../../src/redis/driver/retry.js'
import { WrongReply } from '../../../../src/redis/protocol/replies.js'

const reply = (message: string): Error => Object.assign(new Error(message), { name: 'ReplyError' })
const system = (code: string): Error => Object.assign(new Error(code), { code })
const sentinels = (said: string): Error =>
  new Error(`All sentinels are unreachable. Retrying from scratch after 1ms. Last error: ${said}`)

/** An error that leads to each advice: the compiler sees that none is missing. */
const FAILURES: Readonly<Record<Reason, readonly Error[]>> = {
  CONNECTION_REFUSED: [system('ECONNREFUSED'), system('ENOENT'), system('EACCES')],
  HOST_NOT_FOUND: [system('ENOTFOUND')],
  MASTER_NOT_FOUND: [sentinels('No such master with that name')],
  CONNECTION_TIMEOUT: [system('ETIMEDOUT')],
  CONNECTION_LOST: [system('ECONNRESET'), NEVER_ANSWERED],
  NOT_REDIS: [NO_REDIS],
  TLS_FAILED: [system('EPROTO')],
  AUTHENTICATION_REQUIRED: [reply('NOAUTH Authentication required.')],
  AUTHENTICATION_FAILED: [reply('WRONGPASS invalid username-password pair')],
  PERMISSION_DENIED: [
    reply("NOPERM User bob has no permissions to run the 'get' command"),
    reply("NOPERM User bob has no permissions to run the 'secret' command"),
    reply('NOPERM No permissions to access a key'),
    reply('NOPERM No permissions to access a channel'),
  ],
  DATABASE_OUT_OF_RANGE: [reply('ERR DB index is out of range')],
  OUT_OF_MEMORY: [reply('OOM command not allowed')],
  READ_ONLY: [
    reply("READONLY You can't write against a read only replica."),
    reply('NOREPLICAS Not enough good replicas to write.'),
  ],
  LOADING: [
    reply('LOADING Redis is loading the dataset in memory'),
    reply("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."),
  ],
  TOO_MANY_CLIENTS: [reply('ERR max number of clients reached')],
  CLUSTER_DOWN: [reply('CLUSTERDOWN The cluster is down')],
  TIMEOUT: [new Error('timed out')],
  WRONG_TYPE: [reply('WRONGTYPE Operation against a key holding the wrong kind of value')],
  SERVER_TOO_OLD: [reply('ERR syntax error')],
  UNSUPPORTED_BY_SERVER: [reply("ERR unknown command 'EVAL'")],
  REDIS_ERROR: [
    reply('BUSY Redis is busy running a script.'),
    reply('MOVED 3999 127.0.0.1:6381'),
    reply('ERR This instance has cluster support disabled'),
    new WrongReply(null, 'a list'),
  ],
}

const failures = Object.entries(FAILURES).flatMap(([reason, errors]) =>
  errors.map((error) => ({
    reason,
    failure: failureOf(error, 'redis.example:6380', { name: 'get', effect: 'read', writes: 1 }),
  })),
)

test('every advice is reached', () => {
  expect(Object.keys(FAILURES).sort()).toEqual(Object.keys(ADVICE).sort())
  expect(failures.map(({ failure }) => failure.code)).toEqual(failures.map(({ reason }) => reason))
})

test('no two failures get the same advice', () => {
  expect(new Set(failures.map(({ failure }) => failure.message)).size).toBe(failures.length)
})
