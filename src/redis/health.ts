import type { Channels } from './connect.js'
import type { Connection } from './connection/connection.js'
import type { Node } from './connection/link.js'
import { type HealthWarning, UNKNOWN, warningsOf } from './health-warnings.js'
import { type Reader, text, unixMs } from './protocol/replies.js'

/** What one server says of itself. Some services leave out what their customers cannot change. */
export interface NodeHealth {
  /** `host:port`, or what the caller called it. */
  readonly server: string
  /** `unknown` where the server does not say it, as `role`. */
  readonly version: string
  readonly role: string
  /** Milliseconds from a `TIME` to its answer. */
  readonly roundTripMs: number
  /**
   * How far this process' clock is ahead of the server's, in milliseconds; negative: behind. Exact to about half of
   * `roundTripMs`.
   */
  readonly clockSkewMs: number
  /** Redis' `maxmemory-policy`; `unknown` where the server does not say it. */
  readonly evictionPolicy: string
  readonly connectedReplicas: number
  /** Null where the server does not say it. */
  readonly usedMemoryBytes: number | null
  /** Redis' `maxmemory`; 0: no limit. Null where the server does not say it. */
  readonly maxMemoryBytes: number | null
  /** Whether every write goes to an append-only file. Null where the server does not say it. */
  readonly hasAppendOnlyFile: boolean | null
  /** Writes since the last snapshot. Null where the server does not say it. */
  readonly changesSinceSnapshot: number | null
  /** Keys in the database, those of others included. */
  readonly keys: number
  /** False after a snapshot or a write to the append-only file that failed: Redis then refuses writes. */
  readonly canSave: boolean
}

export interface Health {
  readonly topology: 'server' | 'sentinel' | 'cluster'
  /** The server, or every master of the Cluster. */
  readonly nodes: readonly NodeHealth[]
  /** What an operator should look at; empty when all is well. */
  readonly warnings: readonly HealthWarning[]
}

/** A round trip, one more in a Cluster, and two more a node. */
export async function healthOf(
  connection: Connection,
  { topology, database }: Pick<Channels, 'topology' | 'database'>,
  replicas: number,
): Promise<Health> {
  await connection.reached()
  const layout = await connection.layout()
  const nodes = await Promise.all(
    layout.nodes.map(async (node): Promise<NodeHealth> => {
      const ask = <T>(name: string, read: Reader<T>): Promise<T> =>
        connection.start('read', name, [], read, node).promise
      const startedAt = performance.now()
      const askedAt = Date.now()
      const serverNow = await ask('time', unixMs)
      const between = (askedAt + Date.now()) / 2
      const roundTripMs = performance.now() - startedAt
      const info = await ask('info', text)
      return {
        server: nameOfNode(connection, node),
        ...factsOf(info, database),
        roundTripMs,
        clockSkewMs: Math.round(between - serverNow),
      }
    }),
  )
  return { topology, nodes, warnings: nodes.flatMap((node) => warningsOf(node, replicas)) }
}

/** How an operator knows it. */
export function nameOfNode(connection: Connection, node: Node): string {
  return node ? `${node.options.host}:${node.options.port}` : connection.server
}

/** What `INFO` says. */
export function factsOf(
  info: string,
  database = 0,
): Omit<NodeHealth, 'server' | 'roundTripMs' | 'clockSkewMs'> {
  const fields = fieldsOf(info)
  const number = (name: string): number | null => {
    const value = fields.get(name)
    return value === undefined ? null : Number(value)
  }
  const saved = ['rdb_last_bgsave_status', 'aof_last_write_status'].map((name) => fields.get(name))
  return {
    version: fields.get('valkey_version') ?? fields.get('redis_version') ?? UNKNOWN,
    role: fields.get('role') ?? UNKNOWN,
    evictionPolicy: fields.get('maxmemory_policy') ?? UNKNOWN,
    connectedReplicas: number('connected_slaves') ?? 0,
    usedMemoryBytes: number('used_memory'),
    maxMemoryBytes: number('maxmemory'),
    hasAppendOnlyFile: fields.has('aof_enabled') ? fields.get('aof_enabled') === '1' : null,
    changesSinceSnapshot: number('rdb_changes_since_last_save'),
    canSave: !saved.includes('err'),
    // Redis leaves out databases without keys.
    keys: Number(new RegExp(`^db${database}:keys=(\\d+)`, 'm').exec(info)?.[1] ?? 0),
  }
}

function fieldsOf(info: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>()
  for (const line of info.split('\r\n')) {
    const colon = line.indexOf(':')
    const value = line.slice(colon + 1)
    // Nothing that an operator's terminal or log would take for more than a word.
    if (colon > 0 && /^[\w.-]{1,40}$/.test(value)) fields.set(line.slice(0, colon), value)
  }
  return fields
}
