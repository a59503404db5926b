import { titleOf } from '../contenders/contenders.mjs'
import { summarize } from '../stats.mjs'
import { formatSummary, formatTick, scaled, titleOfMetric } from './metrics.mjs'
import { colourOf, drawing, line, round, text } from './svg.mjs'

const WIDTH = 860
const LEFT = 270
const BAR_WIDTH = 370
const TOP = 50
const ROW = 26
const BAR = 16

/** A bar for each name of each group, from 0; whiskers reach from smallest to largest. */
export function barChart({ title, metric }, groups) {
  const bars = groups.flatMap(({ results }) =>
    Object.entries(results)
      .filter(([, rounds]) => rounds.every((round) => Number.isFinite(round[metric])))
      .map(([name, rounds]) => ({
        name,
        ...summarize(rounds.map((round) => scaled(metric, round[metric]))),
      })),
  )
  const high = Math.max(...bars.map(({ max }) => max)) || 1
  const toX = (value) => LEFT + (value / high) * BAR_WIDTH
  const bottom = TOP + bars.length * ROW
  const parts = [
    ...ticksTo(high).flatMap((value) => [
      line(toX(value), TOP - 4, toX(value), bottom + 4, 'grid'),
      text(toX(value), bottom + 20, formatTick(value), { anchor: 'middle', classes: 'quiet' }),
    ]),
    ...bars.flatMap((bar, index) => drawBar(bar, TOP + index * ROW, toX)),
    text(LEFT + BAR_WIDTH / 2, bottom + 40, titleOfMetric(metric), { anchor: 'middle' }),
  ]
  return drawing({ width: WIDTH, height: bottom + 54, title, parts })
}

function drawBar(summary, top, toX) {
  const { name, median, min, max } = summary
  const middle = top + BAR / 2
  return [
    text(LEFT - 10, middle + 4, titleOf(name), { anchor: 'end' }),
    `<rect fill="${colourOf(name)}" x="${LEFT}" y="${round(top)}" width="${round(toX(median) - LEFT)}" height="${BAR}" rx="2"/>`,
    line(toX(min), middle, toX(max), middle, 'whisker'),
    text(toX(max) + 8, middle + 4, formatSummary(summary)),
  ]
}

function ticksTo(high) {
  const power = 10 ** Math.floor(Math.log10(high))
  const step = [0.2, 0.5, 1, 2].map((part) => part * power).find((one) => high / one <= 6) ?? power
  return Array.from({ length: Math.floor(high / step) + 1 }, (_, index) => index * step)
}
