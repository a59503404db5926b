const NAMES = [
  'latency',
  'callers',
  'throughput',
  'arrivals',
  'tls',
  'cached',
  'staleness',
  'listing',
  'bulk',
  'memory',
  'start-up',
  'waking',
  'sharing',
]

export { NAMES as scenarioNames }

/** By name; in the order in which they run and are shown. */
export async function loadScenarios() {
  const entries = NAMES.map(async (name) => [name, (await import(`./${name}.mjs`)).scenario])
  return Object.fromEntries(await Promise.all(entries))
}
