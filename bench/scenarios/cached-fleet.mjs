import { placeOf } from '../load/contender-processes.mjs'
import { ServerMeter } from '../load/server-meter.mjs'
import { endInstances, runInstances, startInstances } from './sharing.mjs'

const NAMES = ['ours-cached', 'ours-cached-by-key', 'ours', 'upstream']
const METRICS = [
  ...['perSecond', 'p50Micros', 'p99Micros', 'cpuMicros'],
  ...['serverMicros', 'serverBytes'],
]
const INSTANCES = [8, 16, 32, 64]
const CALLERS = 16
const PATTERNS = { 'that serve anybody': false, 'with users of their own': true }

/** What the near cache costs and spares when each instance has one. */
export const scenario = {
  title: 'Near caches of many instances',
  says: `${CALLERS} callers each, mixed. Caches of instances that serve anybody rest: most copies change before they are read again.
*Told by read keys*: \`CLIENT TRACKING\` without \`BCAST\`.`,
  targets: Object.keys(PATTERNS).flatMap((pattern) =>
    INSTANCES.map((instances) => ({
      group: titleOf(instances, pattern),
      of: 'ours-cached',
      over: 'upstream',
      atLeast: 1,
      obstacle: 'invalidations cost more than the few hits spare',
    })),
  ),
  charts: Object.keys(PATTERNS).map((pattern, place) => ({
    kind: 'lines',
    file: `benchmark-cached-${place === 0 ? 'anybody' : 'own'}`,
    title: `Operations a second of all instances ${pattern}`,
    groups: INSTANCES.map((instances) => titleOf(instances, pattern)),
    metric: 'perSecond',
    xTitle: 'instances',
  })),
  run,
}

function titleOf(instances, pattern) {
  return `${instances} instances ${pattern}`
}

async function run(session) {
  const servers = new Map()
  for (const name of NAMES) servers.set(name, await session.startRedis())
  const places = new Map([...servers].map(([name, server]) => [name, placeOf(server, 0)]))
  const meters = new Map(
    [...servers].map(([name, { url }]) => [name, new ServerMeter(session.connect(url))]),
  )
  const groups = []
  for (const [pattern, isSticky] of Object.entries(PATTERNS)) {
    // A cache that rests because of the one pattern would miss the other.
    const workers = []
    for (const instances of session.size(INSTANCES, [1, 2])) {
      const title = titleOf(instances, pattern)
      session.prepare(`starts ${title}`)
      workers.push(...(await startInstances(session, places, instances - workers.length)))
      const results = await session.alternate(title, NAMES, async (name, length) => {
        const meter = meters.get(name)
        await meter.begin()
        const load = { name, callers: CALLERS, ...length, isSticky }
        const measured = await runInstances(workers, load)
        return { ...measured, ...(await meter.end(measured.done)) }
      })
      groups.push({ title, x: instances, metrics: METRICS, baseline: 'upstream', results })
    }
    await endInstances(workers)
  }
  return { groups, notes: [] }
}
