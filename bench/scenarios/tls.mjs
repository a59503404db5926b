import { endContenders, startContenders } from '../load/contender-processes.mjs'
import { enableTls } from '../load/tls.mjs'
import { plural } from '../words.mjs'

const NAMES = ['ours-text', 'ours', 'ioredis', 'ioredis-auto', 'upstream']
const CALLERS = [1, 64, 512]
const OPERATIONS = ['read', 'write']

/** The same over TLS, where every packet costs more. */
export const scenario = {
  title: 'Over TLS',
  says: 'As for throughput, with TLS 1.3.',
  targets: OPERATIONS.flatMap((operation) =>
    CALLERS.map((callers) => ({
      group: titleOf(operation, callers),
      of: 'ours-text',
      over: 'ioredis',
      // One caller waits most of the time, so that the rate says more of the machine than of the client.
      ...(callers === 1 ? { metric: 'p50Micros', atMost: 1.05 } : { atLeast: 1 }),
      obstacle: 'missed by less than the rounds scatter',
    })),
  ),
  charts: OPERATIONS.map((operation) => ({
    kind: 'lines',
    file: `benchmark-tls-${operation}s`,
    title: `${operation === 'read' ? 'Reads' : 'Writes'} a second over TLS, by number of callers`,
    groups: CALLERS.map((callers) => titleOf(operation, callers)),
    metric: 'perSecond',
    xTitle: 'callers',
  })),
  run,
}

function titleOf(operation, callers) {
  return `${operation}s over TLS, ${plural(callers, 'caller')}`
}

async function run(session) {
  const redis = await session.startRedis()
  const overTls = { ...redis, tls: await enableTls(redis) }
  const workers = await startContenders(session, overTls, NAMES, session.size(10_000, 512))
  const groups = []
  for (const operation of OPERATIONS) {
    for (const callers of CALLERS) {
      const title = titleOf(operation, callers)
      const results = await session.alternate(title, NAMES, (name, length) =>
        workers.get(name).call('run', { name, operation, callers, ...length }),
      )
      const metrics = ['perSecond', 'p50Micros', 'p99Micros', 'cpuMicros']
      groups.push({ title, x: callers, metrics, baseline: 'ioredis', results })
    }
  }
  await endContenders(workers)
  return { groups, notes: [] }
}
