import { isIP } from 'node:net'
import type { Composition } from '../../database/composition.js'
import { descriptionOf } from '../../database/description.js'
import { operationsOf } from '../../database/operations-of.js'
import type { RedisOAuthDatabase } from '../../database/redis-oauth-database.js'
import { checkWalkOptions, type WalkOptions } from '../walk.js'
import { advice, type Finding, ok, troubleOf } from './finding.js'
import { takeCensus } from './records.js'
import { rightFindings } from './rights.js'
import { sentinelFindings } from './sentinels.js'
import { serverFindings } from './servers.js'

/** Of so many keys, no master of a Cluster has all. */
const SAMPLES = 16

/**
 * Looks at everything that this database needs, and says of each thing what is so and what to do: the connection, each server's
 * version, role, memory, persistence, clock and replicas, whether it can be written to, every right of the Redis user, TLS, and what
 * stands under the prefix. Writes one key of its own, which is gone afterwards. What it cannot see because Redis is away, it leaves out.
 *
 * Walks the whole keyspace of Redis and reads every record, as {@link findUnreadable} does.
 * @returns the findings; none has the mark `trouble` if all is well
 * @throws RedisOAuthDatabaseError `ABORTED` by `options.signal`, `CLOSED`
 * @example
 * ```ts
 * import { doctor } from '@atxp/redis/admin'
 *
 * for (const { mark, fact, advice } of await doctor(db)) {
 *   if (mark !== 'ok') console.log(mark, fact, advice)
 * }
 * ```
 */
export async function doctor(
  db: RedisOAuthDatabase,
  options: WalkOptions = {},
): Promise<Finding[]> {
  checkWalkOptions(options)
  const operations = operationsOf(db)
  const { parts } = operations
  const setting = [describe(parts), tlsOf(parts), ...(await sentinelFindings(parts))]
  try {
    await operations.run('doctor', () => parts.connection.reached())
  } catch (error) {
    return [...setting, troubleOf(error)]
  }
  const rights = await looked(() => operations.run('doctor', rightFindings))
  const servers = await looked(() => serversOf(db), rights)
  const writing = await looked(() => writable(db, operations), [...rights, ...servers])
  const records = await looked(
    async () => (await takeCensus(db, 'doctor', options)).findings(parts),
    [...rights, ...servers, ...writing],
  )
  return [...setting, ...servers, ...rights, ...writing, ...records]
}

/** What fails for a reason that is known says nothing new. */
async function looked(
  look: () => Promise<Finding[]>,
  known: readonly Finding[] = [],
): Promise<Finding[]> {
  try {
    return await look()
  } catch (error) {
    const finding = troubleOf(error)
    return known.some(({ code }) => code === finding.code) ? [] : [finding]
  }
}

async function serversOf(db: RedisOAuthDatabase): Promise<Finding[]> {
  const { nodes, warnings } = await db.health()
  return serverFindings(nodes, warnings)
}

async function writable(
  db: RedisOAuthDatabase,
  operations: ReturnType<typeof operationsOf>,
): Promise<Finding[]> {
  await db.ready({ write: true })
  await operations.run('doctor', readElsewhere)
  return [ok('records can be written')]
}

/** Reads keys of many slots: a node of a Cluster that is taken for a server of its own refuses most. */
async function readElsewhere({ commands, keys, topology }: Composition): Promise<void> {
  if (topology === 'cluster') return
  const { redisKey } = keys.of('marker')
  const samples = Array.from({ length: SAMPLES }, (_, slot) => `${redisKey}{${slot}}`)
  await Promise.all(samples.map((sample) => commands.exists(sample)))
}

function describe(parts: Composition): Finding {
  const { server, database, topology, cache } = descriptionOf(parts)
  const near = cache ? 'with' : 'without'
  return ok(`this database is number ${database} of ${server} (${topology}), ${near} near cache`)
}

/** Whatever leaves the machine should be sealed. */
function tlsOf({ hasTls, connection }: Composition): Finding {
  if (hasTls) return ok('connections use TLS')
  const { server } = connection
  if (isLocal(server)) return ok('connections use no TLS, and do not leave this machine')
  return advice(
    'NO_TLS',
    `connections to ${server} use no TLS: anyone who listens on the network can read the tokens`,
    'Use rediss:// or tls, unless the network is encrypted by itself',
  )
}

function isLocal(server: string): boolean {
  if (server.includes('/') && !server.includes(' ')) return true
  const hosts = server.split(', ').map((address) => address.replace(/:\d+$/, ''))
  return hosts.every(
    (host) =>
      host === 'localhost' || host === '[::1]' || (isIP(host) === 4 && host.startsWith('127.')),
  )
}
