import { bold, box, dim, isLive, print } from '../scripts/terminal.mjs'
import { titleOf } from './contenders/contenders.mjs'
import { endContenders, placesOn, startContenders } from './load/contender-processes.mjs'
import { describeMachine } from './machine.mjs'
import { formatSummary } from './report/metrics.mjs'
import { toText } from './report/tables.mjs'
import { endInstances, runInstances, startInstances } from './scenarios/sharing.mjs'
import { Session } from './session.mjs'
import { summarizeRatios } from './stats.mjs'
import { plural } from './words.mjs'

const PUBLISHED = 'upstream'

const shapes = (of, operation, targets, over = PUBLISHED) =>
  Object.entries(targets).map(([callers, atLeast]) => ({
    title: `${operation}s, ${plural(Number(callers), 'caller')}: ${titleOf(of)}`,
    ...{ of, over, operation, callers: Number(callers), atLeast },
  }))

/** What the README and the targets name, with what it should come to. */
const SHAPES = [
  ...shapes('ours', 'read', { 1: 0.97, 4: 0.97, 8: 0.97, 16: 0.97, 64: 2, 512: 2.2 }),
  ...shapes('ours', 'write', { 1: 0.97, 4: 0.97, 8: 0.97, 16: 0.97, 64: 1.5, 512: 1.7 }),
  ...shapes('ours-text', 'read', { 64: 2.6, 512: 3.3 }),
  ...shapes('ours-text', 'write', { 64: 2.2 }),
  ...shapes('ours-encrypted', 'read', { 64: 1.8 }, 'upstream-encrypted'),
  ...shapes('ours-encrypted', 'write', { 64: 1.5 }, 'upstream-encrypted'),
  ...shapes('ours-hot', 'read', { 64: 1.9 }),
]

/** Nine reads to one write in each of several processes. */
const SHARED = [
  { instances: 4, callers: 4 },
  { instances: 4, callers: 1 },
]

/** The ratios by which a change can be judged, in three minutes. Writes nothing, and fails only for a wrong answer. */
export async function measureQuickly({ redisServer, seconds, rounds, isShort }) {
  const { cpu, cores, node, redis: version, load } = await describeMachine(redisServer)
  const machine = `${cores} cores of ${cpu}, load ${load.toFixed(1)}, Node ${node}, Redis ${version}`
  const lines = [bold('@atxp/redis, as a multiple of what it is compared with'), dim(machine)]
  print(isLive ? box(lines) : lines.join('\n'))
  const session = new Session({ redisServer, seconds, rounds, isShort })
  session.begin('quick')
  const rows = [...(await rowsOfOne(session)), ...(await rowsOfMany(session))]
  session.end()
  print(`\n${toText([['', 'over', 'rate', 'CPU an operation', 'target'], ...rows])}`)
}

async function rowsOfOne(session) {
  const redis = await session.startRedis()
  const names = [...new Set(SHAPES.flatMap(({ of, over }) => [of, over]))]
  const workers = await startContenders(session, redis, names, session.size(10_000, 1024))
  const rows = []
  for (const { title, of, over, operation, callers, atLeast } of SHAPES) {
    const results = await session.alternate(title, [of, over], (name, length) =>
      workers.get(name).call('run', { name, operation, callers, ...length }),
    )
    rows.push(rowOf(title, results, of, over, atLeast))
  }
  await endContenders(workers)
  return rows
}

async function rowsOfMany(session) {
  const redis = await session.startRedis()
  const names = ['ours', PUBLISHED]
  const most = Math.max(...SHARED.map((one) => one.instances))
  const workers = await startInstances(session, placesOn(redis, names), most)
  const rows = []
  for (const { instances, callers } of SHARED) {
    const title = `9 reads to 1 write, ${instances} instances of ${callers}: ${titleOf('ours')}`
    const results = await session.alternate(title, names, (name, length) =>
      runInstances(workers.slice(0, instances), { name, callers, ...length }),
    )
    rows.push(rowOf(title, results, 'ours', PUBLISHED, 0.97))
  }
  await endInstances(workers)
  return rows
}

function rowOf(title, results, of, over, atLeast) {
  const ratios = (metric) => {
    const [mine, theirs] = [of, over].map((name) => results.get(name).map((one) => one[metric]))
    return formatSummary(summarizeRatios(mine, theirs))
  }
  return [title, titleOf(over), ratios('perSecond'), ratios('cpuMicros'), String(atLeast)]
}
