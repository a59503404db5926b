/** What an operator would be woken by: numbers of metrics that only grow, by what they say. */
export type Alarms = ReadonlyMap<string, number>

const COUNTERS = [
  'connection_failures',
  'connections_lost',
  'reconnects',
  'timeouts',
  'redirections',
  'cache_disarmed_seconds',
] as const
const SAMPLE = /^atxp_redis_(\w+?)(?:\{(.*)\})? (\S+)$/
/** The bound of a bucket, in seconds: Redis nearby takes less. */
const SLOW_BOUND = '0.25'
/** Waits for its turn, which others hold. */
const WAITING = 'singleFlight'

const ALL = 'calls'
const SLOW = 'slow calls'

/** @param texts - of Prometheus, one of each process */
export function alarmsIn(texts: readonly string[]): Alarms {
  const alarms = new Map<string, number>()
  for (const [name, amount] of texts.flatMap((text) => text.split('\n')).flatMap(amountsIn)) {
    alarms.set(name, (alarms.get(name) ?? 0) + amount)
  }
  return alarms
}

/** What one line adds to which numbers. */
function amountsIn(line: string): [name: string, amount: number][] {
  const [, name = '', labels = '', text] = SAMPLE.exec(line) ?? []
  const amount = Number(text)
  const counter = COUNTERS.find((one) => name === `${one}_total`)
  const codes = [...labels.matchAll(/\bcode="(\w+)"/g)].map(([, code = '']) => code)
  const ofCodes = codes.map((code): [string, number] => [code, amount])
  if (counter !== undefined) return [[counter, amount], ...ofCodes]
  if (!name.startsWith('operation_duration_seconds_') || labels.includes(WAITING)) return []
  if (name.endsWith('_count')) return [[ALL, amount], [SLOW, amount], ...ofCodes]
  return labels.includes(`le="${SLOW_BOUND}"`) ? [[SLOW, -amount]] : []
}

/** What has grown: counters, codes of failed calls and connections, and `slow calls` where most were slow. */
export function raisedSince(before: Alarms, now: Alarms): string[] {
  const grown = (name: string): number => (now.get(name) ?? 0) - (before.get(name) ?? 0)
  const raised = [...now.keys()].filter((name) => name !== ALL && name !== SLOW && grown(name) > 0)
  return grown(SLOW) > grown(ALL) / 2 ? [...raised, SLOW] : raised
}
