import type { Connection } from './connection/connection.js'
import { type Reader, text, unixMs } from './protocol/replies.js'

/** What one server says of itself. */
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
}

export interface Health {
  readonly topology: 'server' | 'sentinel' | 'cluster'
  /** The server, or every master of the Cluster. */
  readonly nodes: readonly NodeHealth[]
  /** What an operator should look at, in sentences; empty when all is well. */
  readonly warnings: readonly string[]
}

/** All others drop what expires, `volatile-ttl` the leases and marks of refreshes before anything else. */
const SAFE_POLICY = 'noeviction'
const MAX_SKEW_MS = 5_000
/** Some services leave out what their customers cannot change. */
const UNKNOWN = 'unknown'

/** A round trip, and two more a node. */
export async function healthOf(
  connection: Connection,
  topology: Health['topology'],
  replicas: number,
): Promise<Health> {
  await connection.reached()
  const nodes = await Promise.all(
    connection.masters().map(async (node): Promise<NodeHealth> => {
      const ask = <T>(name: string, read: Reader<T>): Promise<T> =>
        connection.start('read', name, [], read, node).promise
      const startedAt = performance.now()
      const askedAt = Date.now()
      const serverNow = await ask('time', unixMs)
      const between = (askedAt + Date.now()) / 2
      const roundTripMs = performance.now() - startedAt
      const info = await ask('info', text)
      return {
        server: node ? `${node.options.host}:${node.options.port}` : connection.server,
        ...factsOf(info),
        roundTripMs,
        clockSkewMs: Math.round(between - serverNow),
      }
    }),
  )
  return { topology, nodes, warnings: nodes.flatMap((node) => warningsOf(node, replicas)) }
}

/** What `INFO` says. */
export function factsOf(
  info: string,
): Pick<NodeHealth, 'version' | 'role' | 'evictionPolicy' | 'connectedReplicas'> {
  const fields = fieldsOf(info)
  return {
    version: fields.get('valkey_version') ?? fields.get('redis_version') ?? UNKNOWN,
    role: fields.get('role') ?? UNKNOWN,
    evictionPolicy: fields.get('maxmemory_policy') ?? UNKNOWN,
    connectedReplicas: Number(fields.get('connected_slaves')) || 0,
  }
}

export function warningsOf(node: NodeHealth, replicas: number): string[] {
  const warnings: string[] = []
  const { server, version, evictionPolicy, role, clockSkewMs, connectedReplicas } = node
  if (isTooOld(version)) {
    warnings.push(
      `${server} runs Redis ${version}: nothing can be stored with an expiry. Use Redis 6.2 or later, or Valkey`,
    )
  }
  if (evictionPolicy === UNKNOWN) {
    warnings.push(
      `${server} does not say what it evicts at maxmemory: make sure that its maxmemory-policy is noeviction`,
    )
  } else if (evictionPolicy !== SAFE_POLICY) {
    const first =
      evictionPolicy === 'volatile-ttl'
        ? 'leases first, so that a refresh token may be sent twice'
        : 'registrations and sessions'
    warnings.push(
      `${server} evicts by ${evictionPolicy}: at maxmemory it may drop ${first}. Set maxmemory-policy to noeviction`,
    )
  }
  if (role !== 'master' && role !== UNKNOWN)
    warnings.push(`${server} is a ${role}: it takes no writes, and may lag behind`)
  if (Math.abs(clockSkewMs) > MAX_SKEW_MS) {
    const where = clockSkewMs > 0 ? 'ahead of' : 'behind'
    warnings.push(`This clock is ${Math.abs(clockSkewMs)} ms ${where} that of ${server}: check NTP`)
  }
  if (connectedReplicas < replicas) {
    warnings.push(
      `${server} has ${connectedReplicas} replica(s), and durability asks for ${replicas}: writes will be NOT_DURABLE`,
    )
  }
  return warnings
}

/** Valkey began after 6.2. */
function isTooOld(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major < 6 || (major === 6 && minor < 2)
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
