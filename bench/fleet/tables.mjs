import { causeOf } from './causes.mjs'

/** Name in the scenario's counts, and above the column. */
const COUNTS = [
  ['registrations', 'registrations'],
  ['authorizations', 'logins'],
  ['refreshes', 'refreshes'],
  ['familiesRevoked', 'families revoked'],
  ['callsFailed', 'calls failed'],
  ['slowestMs', 'slowest call, ms'],
]

/** A scenario waits no longer for calls to succeed again. */
const GIVEN_UP_MS = 15_000

export const sum = (numbers) => numbers.reduce((total, number) => total + number, 0)

/** Lists of runs by what `keyOf` says of each, in the order in which they first came. */
export function groupBy(runs, keyOf) {
  const groups = new Map()
  for (const run of runs) groups.set(keyOf(run), [...(groups.get(keyOf(run)) ?? []), run])
  return groups
}

/** One row a scenario and a size of fleet, with the least and the most that was counted in a run. */
export function counts(runs) {
  const groups = groupBy(runs, ({ name, processes }) => `${name}, ${processes}`)
  const rows = [...groups.values()].map((group) => {
    const [{ name, processes }] = group
    const ranges = COUNTS.map(([key]) => range(group.map(({ observed }) => observed[key])))
    return [name, processes, kept(group), ...ranges]
  })
  return { header: ['when', 'processes', 'as promised', ...COUNTS.map(([, head]) => head)], rows }
}

/** Rows of the page, each with how many runs were as promised, for each size of fleet. */
export function promises({ header, rows }, runs) {
  const sizes = [...new Set(runs.map(({ processes }) => processes))].sort((one, two) => one - two)
  const filled = rows.map(({ cells, run }) => {
    const own = runs.filter(({ name }) => name === run)
    return [...cells, ...sizes.map((size) => kept(own.filter((one) => one.processes === size)))]
  })
  return { header: [...header, ...sizes.map((size) => `${size} processes`)], rows: filled }
}

/** Of all runs, how many were as promised, and why the others were not. */
function kept(runs) {
  if (runs.length === 0) return ''
  const causes = runs.map(causeOf).filter(Boolean)
  const counted = [...groupBy(causes, (cause) => cause)].map(
    ([cause, { length }]) => `${cause}: ${length}`,
  )
  const count = `${runs.length - causes.length}/${runs.length}`
  return counted.length === 0 ? count : `${count} (${counted.join(', ')})`
}

/** One row a scenario and a size of fleet: with each database, calls answered, logins, and runs in which the session was revoked. */
export function comparison(runs, databases) {
  const groups = groupBy(runs, ({ name, processes }) => `${name}, ${processes}`)
  const rows = [...groups.values()].map((group) => [
    group[0].name,
    group[0].processes,
    ...databases.map((database) => outcome(group.filter((run) => run.database === database))),
  ])
  return { header: ['when', 'processes', ...databases], rows }
}

function outcome(runs) {
  if (runs.length === 0) return ''
  const logins = range(runs.map(({ observed }) => observed.authorizations))
  const revoked = runs.filter(({ observed }) => observed.familiesRevoked > 0).length
  return `${percent(answeredShare(runs))}, ${logins}, ${revoked} of ${runs.length}${recovery(runs)}`
}

/** For scenarios that wait for it: when the last call that failed was behind them. */
function recovery(runs) {
  const slowestMs = Math.max(...runs.map(({ observed }) => observed.wellAgainMs ?? 0))
  if (slowestMs === 0) return ''
  return slowestMs < GIVEN_UP_MS ? `, well after ${slowestMs} ms` : ', not well after 15 s'
}

/** Of all calls in these runs. */
export function answeredShare(runs) {
  const ok = sum(runs.map(({ observed }) => observed.callsOk ?? 0))
  const failed = sum(runs.map(({ observed }) => observed.callsFailed ?? 0))
  return ok / (ok + failed)
}

/** Rounded down: what is not all must not read so. */
export const percent = (share) => `${Math.floor(share * 100)} %`

/** A run that was broken off has counted nothing, or not all. */
function range(given) {
  const counts = given.filter((count) => count !== undefined)
  if (counts.length === 0) return ''
  const [least, most] = [Math.min(...counts), Math.max(...counts)]
  return least === most ? String(least) : `${least} to ${most}`
}

export function markdown({ header, rows }) {
  return [header, header.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n')
}

/** An object a row, by the heads of the columns. */
export function records({ header, rows }) {
  return rows.map((cells) => Object.fromEntries(cells.map((cell, index) => [header[index], cell])))
}
