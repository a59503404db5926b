/** Name in the scenario's counts, and above the column. */
const COUNTS = [
  ['registrations', 'registrations'],
  ['authorizations', 'logins'],
  ['refreshes', 'refreshes'],
  ['familiesRevoked', 'families revoked'],
  ['callsFailed', 'calls failed'],
  ['slowestMs', 'slowest call, ms'],
]

export const sum = (numbers) => numbers.reduce((total, number) => total + number, 0)

/** Lists of runs by what `keyOf` says of each, in the order in which they first came. */
export function groupBy(runs, keyOf) {
  const groups = new Map()
  for (const run of runs) groups.set(keyOf(run), [...(groups.get(keyOf(run)) ?? []), run])
  return groups
}

/** One row a scenario and a size of fleet, with the least and the most that was counted in a run. */
export function countsTable(runs) {
  const groups = groupBy(runs, ({ name, processes }) => `${name}, ${processes}`)
  const rows = [...groups.values()].map((group) => {
    const [{ name, processes }] = group
    const kept = group.filter(({ violated }) => violated.length === 0).length
    const ranges = COUNTS.map(([key]) => range(group.map(({ observed }) => observed[key])))
    return [name, processes, `${kept} of ${group.length}`, ...ranges]
  })
  return table(['when', 'processes', 'as promised', ...COUNTS.map(([, head]) => head)], rows)
}

/** One row a scenario: of all calls in all runs, how many were answered with each database, and what was revoked. */
export function comparisonTable(runs, databases) {
  const rows = [...groupBy(runs, ({ name }) => name)].map(([name, group]) => [
    name,
    ...Object.keys(databases).map((database) => outcome(group.filter(isOf(database)))),
  ])
  return table(['when', ...Object.values(databases)], rows)
}

const isOf = (database) => (run) => run.database === database

function outcome(runs) {
  if (runs.length === 0) return ''
  const revoked = runs.filter(({ observed }) => observed.familiesRevoked > 0).length
  const answered = `${percent(answeredShare(runs))} answered`
  return revoked === 0 ? answered : `${answered}, revoked in ${revoked} of ${runs.length} runs`
}

/** Of all calls in these runs. */
export function answeredShare(runs) {
  const ok = sum(runs.map(({ observed }) => observed.callsOk))
  const failed = sum(runs.map(({ observed }) => observed.callsFailed))
  return ok / (ok + failed)
}

/** Rounded down: what is not all must not read so. */
export const percent = (share) => `${Math.floor(share * 100)} %`

function range(counts) {
  const [least, most] = [Math.min(...counts), Math.max(...counts)]
  return least === most ? String(least) : `${least} to ${most}`
}

function table(header, rows) {
  return [header, header.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n')
}
