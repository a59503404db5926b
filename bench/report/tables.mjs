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

/** How a target was met; undefined where its contender was left out. */
export function judge({ group, of, over, metric, atLeast, atMost }, groups) {
  const { results, metrics } = groups.find(({ title }) => title === group) ?? {}
  if (results?.[of] === undefined) return undefined
  const compared = metric ?? metrics[0]
  const measured =
    over === undefined
      ? summarize(valuesOf(results[of], compared))
      : ratiosOf(results, of, over, compared)
  const isReached = atLeast === undefined ? measured.median <= atMost : measured.median >= atLeast
  return { measured, isReached, compared }
}

export const TARGETS_HEAD = ['', 'target', 'measured', '']

/** The targets of a scenario that could be judged, as rows of text. */
export function rowsOfTargets(targets, groups) {
  return targets.flatMap((target) => {
    const verdict = judge(target, groups)
    if (verdict === undefined) return []
    const { measured, isReached, compared } = verdict
    const { group, of, over, metric, atLeast, atMost, obstacle } = target
    const bound = atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`
    const ratio = `times ${titleOf(over)}${metric ? `, by ${titleOfMetric(metric)}` : ''}`
    const unit = over === undefined ? titleOfMetric(compared) : ratio
    const missed = ['**not reached**', obstacle ?? 'no cause found'].filter(Boolean).join(': ')
    const says = isReached ? 'reached' : missed
    return [[`${group}: ${titleOf(of)}`, `${bound} ${unit}`, formatSummary(measured), says]]
  })
}

function valuesOf(rounds, metric) {
  return rounds.map((round) => scaled(metric, round[metric] ?? Number.NaN))
}

function ratiosOf(results, of, over, metric) {
  return summarizeRatios(valuesOf(results[of], metric), valuesOf(results[over], metric))
}

/** @param isNumeric - whether all columns but the first are numbers */
export function toMarkdown([head, ...rows], { isNumeric = true } = {}) {
  const rule = head.map((_, column) => (isNumeric && column > 0 ? '---:' : '---'))
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
