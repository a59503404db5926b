import { lineChart } from './line-chart.mjs'

/** A line for each series: what a contender reaches as a multiple of another, round by round. */
export function ratioChart({ title, xTitle, series, of, over, metric }, groups) {
  const byX = new Map()
  for (const { name, groups: titles } of series) {
    for (const { title, x, results } of groups) {
      if (!titles.includes(title) || results[of] === undefined) continue
      const ratios = results[of].map((one, round) => ({
        ratio: one[metric] / results[over][round][metric],
      }))
      byX.set(x, { ...byX.get(x), [name]: ratios })
    }
  }
  const points = [...byX].sort(([one], [other]) => one - other)
  return lineChart(
    { title, xTitle, metric: 'ratio' },
    points.map(([x, results]) => ({ x, results })),
  )
}
