const NAMES = [
  'callers',
  'tail',
  'sharing',
  'latency',
  'throughput',
  'arrivals',
  'tls',
  'cached',
  'staleness',
  'listing',
  'bulk',
  'memory',
  'start-up',
  'first-operations',
  'waking',
  'waiters',
  'cached-fleet',
  'growth',
]

export { NAMES as scenarioNames }

/** By name; in the order in which they run and are shown. */
export async function loadScenarios() {
  const entries = NAMES.map(async (name) => [name, (await import(`./${name}.mjs`)).scenario])
  return Object.fromEntries(await Promise.all(entries))
}
