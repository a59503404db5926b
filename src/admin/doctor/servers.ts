import { DOCS } from '../../leaves/errors.js'
import type { NodeHealth } from '../../redis/health.js'
import type { HealthWarning, HealthWarningCode } from '../../redis/health-warnings.js'
import { advice, type Finding, ok, parted, trouble } from './finding.js'

/** These work, and could be better. */
const ADVISED: ReadonlySet<HealthWarningCode> = new Set(['NO_APPEND_ONLY_FILE', 'CACHE_OFF'])
const SLOW_MS = 100

/** What is so of a server where there is no warning of that code. */
const GOOD: Readonly<Partial<Record<HealthWarningCode, (node: NodeHealth) => string>>> = {
  SERVER_TOO_OLD: ({ version }) => `runs version ${version}`,
  READ_ONLY: ({ role }) => `has the role ${role}`,
  EVICTION: ({ evictionPolicy }) => `has the eviction policy ${evictionPolicy}`,
  OUT_OF_MEMORY: memoryOf,
  SAVING_FAILS: ({ hasAppendOnlyFile }) =>
    hasAppendOnlyFile === null ? 'does not say how it persists' : 'saves its data without failure',
  NO_APPEND_ONLY_FILE: ({ hasAppendOnlyFile }) =>
    hasAppendOnlyFile === null
      ? 'does not say whether it has an append-only file'
      : 'has an append-only file',
  CLOCK_SKEW: ({ clockSkewMs, roundTripMs }) =>
    `has a clock ${Math.abs(clockSkewMs)} ms from this one, and answers within ${roundTripMs.toFixed(1)} ms`,
  NOT_DURABLE: ({ connectedReplicas }) =>
    `has ${connectedReplicas} replica${connectedReplicas === 1 ? '' : 's'}`,
}

export function serverFindings(
  nodes: readonly NodeHealth[],
  warnings: readonly HealthWarning[],
): Finding[] {
  const ofNodes = nodes.flatMap((node) => {
    const isOf = (code: string) => (one: HealthWarning) =>
      one.code === code && one.server === node.server
    const findings = Object.entries(GOOD).map(([code, good]): Finding => {
      const warning = warnings.find(isOf(code))
      return warning === undefined ? ok(`${node.server} ${good(node)}`) : findingOf(warning, node)
    })
    return node.roundTripMs > SLOW_MS ? [...findings, slow(node)] : findings
  })
  const others = warnings.filter(({ code }) => GOOD[code] === undefined)
  return [...ofNodes, ...others.map((warning) => findingOf(warning))]
}

function findingOf({ code, message }: HealthWarning, node?: NodeHealth): Finding {
  const [fact, whatToDo = `See ${DOCS}/operations.md#health`] = parted(message)
  // What a service does not say may be well.
  const isSaid = code !== 'EVICTION' || node?.evictionPolicy !== 'unknown'
  return (isSaid && !ADVISED.has(code) ? trouble : advice)(code, fact, whatToDo)
}

function slow({ server, roundTripMs }: NodeHealth): Finding {
  return advice(
    'SLOW',
    `a round trip to ${server} takes ${Math.round(roundTripMs)} ms`,
    'Look at the network, at the load of the server and at redis-cli SLOWLOG GET',
  )
}

function memoryOf({ usedMemoryBytes: used, maxMemoryBytes: max }: NodeHealth): string {
  if (used === null) return 'does not say how much memory it uses'
  const mebibytes = `${(used / 2 ** 20).toFixed(1)} MiB of memory`
  if (!max) return `uses ${mebibytes}, without a limit of its own`
  return `uses ${mebibytes}, ${Math.round((used / max) * 100)} % of maxmemory`
}
