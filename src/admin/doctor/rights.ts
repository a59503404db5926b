import type { Composition } from '../../database/composition.js'
import { within } from '../../leaves/clock.js'
import { DOCS, RedisOAuthDatabaseError } from '../../leaves/errors.js'
import type { Node } from '../../redis/connection/link.js'
import { isReply } from '../../redis/driver/failure.js'
import type { Argument } from '../../redis/protocol/frame.js'
import {
  type Denial,
  denialIn,
  isRight,
  LOST_WITHOUT,
  type Right,
} from '../../redis/protocol/rights.js'
import { type Finding, ok, trouble } from './finding.js'

type Probe = readonly [right: Right, ...args: Argument[]]

/** In this order the key holds text first, so that commands for hashes change nothing, and is gone in the end. */
const probesOf = (key: string): readonly Probe[] => [
  ['set', key, '', 'PX', 1_000],
  ['get', key],
  ['mget', key],
  ['exists', key],
  ['scan', '0', 'COUNT', 1],
  ['hset', key, 'a', ''],
  ['hget', key, 'a'],
  ['hgetall', key],
  ['hlen', key],
  ['hrandfield', key, 1],
  ['hdel', key, 'a'],
  ['pttl', key],
  ['pexpiretime', key],
  ['time'],
  ['eval', 'return 1', 1, key],
  ['publish', key, ''],
  ['ping'],
  ['info', 'server'],
  ['pexpireat', key, 1],
  ['del', key],
]

/** Servers before Redis 7 lack it, and nothing is lost without it. */
const DISPENSABLE: Right = 'pexpiretime'

/**
 * Tries out every command that this database sends, one by one, on a key of its own. Two round trips to every master.
 * @throws RedisOAuthDatabaseError where one gives no answer
 */
export async function rightFindings(parts: Composition): Promise<Finding[]> {
  const { connection, keys } = parts
  const marker = keys.of('marker').redisKey
  const { nodes } = await connection.layout()
  const denials = await Promise.all([
    ...nodes.flatMap((node) => {
      const key = node === undefined ? marker : parts.keyAt(node, marker)
      return [...probesOf(key), ...probesFor(parts)].map((probe) => tryOut(parts, probe, node))
    }),
    subscription(parts, marker),
  ])
  const missing = new Map(denials.flat().map((finding) => [finding.fact, finding]))
  if (missing.size > 0) return [...missing.values()]
  return [ok('the Redis user may run every command that this database sends')]
}

/** What some databases send as well. */
function probesFor({ topology, durability, tracking }: Composition): Probe[] {
  return [
    ...(topology === 'sentinel' ? [['role'] as const] : []),
    ...(topology === 'cluster' ? [['cluster|slots'] as const, ['cluster|nodes'] as const] : []),
    ...(durability === undefined ? [] : [['wait', 0, 1] as const]),
    ...(tracking === undefined
      ? []
      : [['client|id'] as const, ['client|tracking', 'off'] as const]),
  ]
}

async function tryOut(
  { connection, keys }: Composition,
  [right, ...args]: Probe,
  node: Node,
): Promise<Finding[]> {
  const [name = '', ...subcommand] = right.split('|')
  try {
    const probe = [...subcommand, ...args]
    await connection.start('read', name, probe, (reply) => reply, node).promise
    return []
  } catch (error) {
    if (right === DISPENSABLE || !(error instanceof RedisOAuthDatabaseError)) return []
    const { code, cause } = error
    if (!isReply(cause)) throw error
    if (code === 'UNSUPPORTED_BY_SERVER') return [lacking(right)]
    if (code !== 'PERMISSION_DENIED') return []
    return [denied(denialIn((cause as Error).message) ?? right, right, keys.prefix)]
  }
}

/** On the connection that waits for leases: a subscribed one takes no other commands. */
async function subscription(
  { connection, subscriber, keys }: Composition,
  channel: string,
): Promise<Finding[]> {
  try {
    const unsubscribe = await within(
      connection.commandTimeout,
      subscriber.subscribe(channel, () => {}),
    )
    unsubscribe()
    return []
  } catch (error) {
    const denial = denialIn((error as Error).message)
    return denial === undefined ? [] : [denied(denial, 'subscribe', keys.prefix)]
  }
}

function denied(denial: Denial, right: Right, prefix: string): Finding {
  const rule = `the whole rule: ${DOCS}/operations.md#least-privilege`
  if (denial === 'a key') {
    const fact = `the Redis user may not use the keys of this database with '${right}'`
    return trouble('PERMISSION_DENIED', fact, `Give it ~${prefix}*; ${rule}`)
  }
  if (denial === 'a channel') {
    const fact = `the Redis user may not use the channels of this database with '${right}'`
    return trouble('PERMISSION_DENIED', fact, `Give it &${prefix}*; ${rule}`)
  }
  const name = isRight(denial) ? denial : right
  const fact = `the Redis user may not run '${name}', and so ${LOST_WITHOUT[name]}`
  return trouble('PERMISSION_DENIED', fact, `Give it +${name}; ${rule}`)
}

function lacking(right: Right): Finding {
  return trouble(
    'UNSUPPORTED_BY_SERVER',
    `the server lacks '${right}', or blocks it, and so ${LOST_WITHOUT[right]}`,
    'Check rename-command in redis.conf, and what any proxy between lets through',
  )
}
