import { titleOf } from '../contenders/contenders.mjs'
import { summarize, summarizeRatios } from '../stats.mjs'
import { plural } from '../words.mjs'
import { format, formatSummary, scaled, titleOfMetric } from './metrics.mjs'

/** One group of measurements as rows of text; the first is the head. What is not compared is shown by its median. */
export function tableOfGroup({ metrics, baseline, results }) {
  const [compared, ...others] = metrics
  const head = ['', titleOfMetric(compared)]
  if (baseline !== undefined) head.push(`times ${titleOf(baseline)}`)
  const rows = Object.entries(results).map(([name, rounds]) => [
    titleOf(name),
    formatSummary(summarize(valuesOf(rounds, compared))),
    ...(baseline === undefined ? [] : [timesBaseline(results, name, baseline, compared)]),
    ...others.map((metric) => format(summarize(valuesOf(rounds, metric)).median)),
  ])
  return [[...head, ...others.map(titleOfMetric)], ...rows]
}

/**
 * How often what the baseline does, by number of callers: a row for each operation and contender. The first is the head.
 * Groups are called "operation, N callers" or "operation, one caller".
 */
export function ratiosByCallers({ operations, callers, names, baseline }, groups) {
  const groupOf = (operation, count) =>
    groups.find(({ title }) => title === `${operation}, ${plural(count, 'caller')}`)
  const counts = callers.filter((count) =>
    operations.every((operation) => groupOf(operation, count) !== undefined),
  )
  const rows = operations.flatMap((operation) => {
    const measured = counts.map((count) => groupOf(operation, count))
    return names
      .filter((name) => measured.every(({ results }) => results[name] !== undefined))
      .map((name) => [
        `${operation}: ${titleOf(name)}`,
        ...measured.map(({ results, metrics }) =>
          timesBaseline(results, name, baseline, metrics[0]),
        ),
      ])
  })
  return [
    [`times ${titleOf(baseline)}`, ...counts.map((count) => plural(count, 'caller'))],
    ...rows,
  ]
}

function timesBaseline(results, name, baseline, metric) {
  return name === baseline ? '1' : formatSummary(ratiosOf(results, name, baseline, metric))
}

/**
 * How those targets were met whose contenders were measured: `{ target, measured, isReached, ... }` each.
 * @param {object[]} targets
 * @param {object[]} groups
 * @returns {any[]}
 */
export function judge(targets, groups) {
  return targets.flatMap((target) => judgeOne(target, groups) ?? [])
}

/**
 * A target of at most so many times `over` is reached as well if `over` differs from itself by as much: `again` is the same
 * implementation in another process, so that either of the two may be the slower one. `scatter` says by how much then.
 */
function judgeOne(target, groups) {
  const { group, of, over, again, metric, atLeast, atMost } = target
  const { results, metrics } = groups.find(({ title }) => title === group) ?? {}
  if (results?.[of] === undefined) return undefined
  const compared = metric ?? metrics[0]
  const measured =
    over === undefined
      ? summarize(valuesOf(results[of], compared))
      : ratiosOf(results, of, over, compared)
  const isReached = atLeast === undefined ? measured.median <= atMost : measured.median >= atLeast
  const verdict = { target, measured, isReached, compared, rounds: results[of].length }
  if (isReached || again === undefined) return verdict
  const { median } = ratiosOf(results, again, over, compared)
  const scatter = Math.max(median, 1 / median)
  return measured.median <= scatter ? { ...verdict, isReached: true, scatter } : verdict
}

export const TARGETS_HEAD = ['', 'target', 'measured', 'rounds', '']

/** A verdict as cells of text. */
export function rowOfTarget({ target, measured, isReached, compared, rounds, scatter }) {
  const { group, of, over, metric, atLeast, atMost, obstacle } = target
  const bound = atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`
  const ratio = `times ${titleOf(over)}${metric ? `, by ${titleOfMetric(metric)}` : ''}`
  const unit = over === undefined ? titleOfMetric(compared) : ratio
  const missed = `**not reached**: ${obstacle ?? 'no cause found'}`
  const reached = scatter === undefined ? 'reached' : `reached: the scatter is ${format(scatter)}`
  return [
    ...[`${group}: ${titleOf(of)}`, `${bound} ${unit}`, formatSummary(measured), String(rounds)],
    isReached ? reached : missed,
  ]
}

function valuesOf(rounds, metric) {
  return rounds.map((round) => scaled(metric, round[metric] ?? Number.NaN))
}

function ratiosOf(results, of, over, metric) {
  return summarizeRatios(valuesOf(results[of], metric), valuesOf(results[over], metric))
}

/** All columns but the first are numbers. */
export function toMarkdown([head, ...rows]) {
  const rule = head.map((_, column) => (column > 0 ? '---:' : '---'))
  return [head, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

export function toText(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((cells) => cells[column].length)))
  return rows
    .map((cells) =>
      cells
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]),
        )
        .join('  '),
    )
    .join('\n')
}
