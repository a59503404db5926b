import type { NodeHealth } from './health.js'

/** What a warning is about. Where calls fail because of it, the code is that of their errors. */
export type HealthWarningCode =
  /** The server is older than Redis 6.2. */
  | 'SERVER_TOO_OLD'
  /** The server is a replica. */
  | 'READ_ONLY'
  /** At `maxmemory` the server may drop records, or does not say what it does. */
  | 'EVICTION'
  /** The server uses more than 90 % of `maxmemory`. */
  | 'OUT_OF_MEMORY'
  /** The last snapshot or write to the append-only file failed: Redis refuses writes. */
  | 'SAVING_FAILS'
  /** No append-only file: a crash costs what was written since the last snapshot, if there are any. */
  | 'NO_APPEND_ONLY_FILE'
  /** The clocks of this process and the server differ by more than 5 seconds. */
  | 'CLOCK_SKEW'
  /** Fewer replicas than `durability.replicas`. */
  | 'NOT_DURABLE'
  /** The near cache keeps nothing at present. */
  | 'CACHE_OFF'

export interface HealthWarning {
  readonly code: HealthWarningCode
  /** Which server it is about, as `host:port`. */
  readonly server: string
  /** What is wrong, and what to do. */
  readonly message: string
}

/** All others drop what expires, `volatile-ttl` the leases and marks of refreshes before anything else. */
const SAFE_POLICY = 'noeviction'
const MAX_SKEW_MS = 5_000
const MAX_MEMORY_SHARE = 0.9
/** Of what a server does not say. */
export const UNKNOWN = 'unknown'

type Rule = (node: NodeHealth, replicas: number) => string | false

const RULES: Readonly<Record<Exclude<HealthWarningCode, 'CACHE_OFF'>, Rule>> = {
  SERVER_TOO_OLD: ({ server, version }) =>
    isTooOld(version) &&
    `${server} runs Redis ${version}: tokens with an expiry cannot be stored. Use Redis 6.2 or later, or Valkey`,
  READ_ONLY: ({ server, role }) =>
    role !== 'master' &&
    role !== UNKNOWN &&
    `${server} is a ${role}: it takes no writes, and may lag behind. Connect to the master`,
  EVICTION: ({ server, evictionPolicy }) => evictionOf(server, evictionPolicy),
  OUT_OF_MEMORY: ({ server, usedMemoryBytes: used, maxMemoryBytes: max }) =>
    used !== null &&
    max !== null &&
    max > 0 &&
    used > max * MAX_MEMORY_SHARE &&
    `${server} uses ${Math.round((used / max) * 100)} % of maxmemory: at 100 % writes fail with OUT_OF_MEMORY. ` +
      'Raise maxmemory or remove what is not needed',
  SAVING_FAILS: ({ server, canSave }) =>
    !canSave &&
    `${server} could not save its data the last time, and so may refuse writes (MISCONF). Look at its disk and its log`,
  NO_APPEND_ONLY_FILE: ({ server, hasAppendOnlyFile, changesSinceSnapshot: changes }) =>
    hasAppendOnlyFile === false &&
    `${server} has no append-only file: a crash costs what was written since the last snapshot` +
      `${changes === null ? '' : ` (${changes} changes)`}, or everything if it takes none. Set appendonly to yes`,
  CLOCK_SKEW: ({ server, clockSkewMs }) =>
    Math.abs(clockSkewMs) > MAX_SKEW_MS &&
    `This clock is ${Math.abs(clockSkewMs)} ms ${clockSkewMs > 0 ? 'ahead of' : 'behind'} that of ${server}. Check NTP`,
  NOT_DURABLE: ({ server, connectedReplicas }, replicas) =>
    connectedReplicas < replicas &&
    `${server} has ${connectedReplicas} replica(s), and durability asks for ${replicas}: writes will be NOT_DURABLE. ` +
      'Look at the replicas',
}

export function warningsOf(node: NodeHealth, replicas: number): HealthWarning[] {
  const warnings: HealthWarning[] = []
  for (const [code, rule] of Object.entries(RULES)) {
    const message = rule(node, replicas)
    if (message === false) continue
    warnings.push({ code: code as HealthWarningCode, server: node.server, message })
  }
  return warnings
}

function evictionOf(server: string, policy: string): string | false {
  if (policy === SAFE_POLICY) return false
  if (policy === UNKNOWN) {
    return `${server} does not say what it evicts at maxmemory. Make sure that its maxmemory-policy is noeviction`
  }
  const first =
    policy === 'volatile-ttl'
      ? 'leases first, so that a refresh token may be sent twice'
      : 'registrations and sessions'
  return `${server} evicts by ${policy}: at maxmemory it may drop ${first}. Set maxmemory-policy to noeviction`
}

/** Valkey began after 6.2. */
function isTooOld(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major < 6 || (major === 6 && minor < 2)
}
