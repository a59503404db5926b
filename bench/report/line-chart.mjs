import { titleOf } from '../contenders/contenders.mjs'
import { summarize } from '../stats.mjs'
import { formatTick, scaled, titleOfMetric } from './metrics.mjs'
import { colourOf, drawing, line, round, text } from './svg.mjs'

const WIDTH = 860
const PLOT = { left: 80, top: 54, width: 400, height: 330 }
const HEIGHT = PLOT.top + PLOT.height + 56
const LEGEND_LINE = 19
const LABEL_WIDTH = 22

/** A line for each name over the `x` of the groups; both axes are logarithmic. Whiskers reach from smallest to largest. */
export function lineChart({ title, metric, xTitle }, groups) {
  const series = seriesOf(metric, groups)
  const points = series.flatMap(({ points }) => points)
  const xs = groups.map(({ x }) => x)
  const toX = logScale(
    Math.min(...xs),
    Math.max(...xs),
    PLOT.left + 16,
    PLOT.left + PLOT.width - 16,
  )
  const low = Math.min(...points.map(({ min }) => min)) / 1.15
  const high = Math.max(...points.map(({ max }) => max)) * 1.15
  const toY = logScale(low, high, PLOT.top + PLOT.height, PLOT.top)
  const parts = [
    ...ticksBetween(low, high).flatMap((value) => [
      line(PLOT.left, toY(value), PLOT.left + PLOT.width, toY(value), 'grid'),
      text(PLOT.left - 8, toY(value) + 4, formatTick(value), { anchor: 'end', classes: 'quiet' }),
    ]),
    ...withRoom(xs, toX).map((x) =>
      text(toX(x), PLOT.top + PLOT.height + 20, formatTick(x), {
        anchor: 'middle',
        classes: 'quiet',
      }),
    ),
    text(PLOT.left + PLOT.width / 2, HEIGHT - 14, xTitle, { anchor: 'middle' }),
    text(20, PLOT.top + PLOT.height / 2, titleOfMetric(metric), { anchor: 'middle', rotate: -90 }),
    ...series.flatMap((one) => drawSeries(one, toX, toY)),
    ...legendOf(series),
  ]
  return drawing({ width: WIDTH, height: HEIGHT, title, parts })
}

/** Best last value first. */
function seriesOf(metric, groups) {
  const names = new Set(groups.flatMap(({ results }) => Object.keys(results)))
  return [...names]
    .map((name) => ({
      name,
      points: groups
        .filter(({ results }) => results[name] !== undefined)
        .map(({ x, results }) => ({
          x,
          ...summarize(results[name].map((round) => scaled(metric, round[metric]))),
        })),
    }))
    .sort((one, other) => other.points.at(-1).median - one.points.at(-1).median)
}

function drawSeries({ name, points }, toX, toY) {
  const colour = colourOf(name)
  const isOurs = name.startsWith('ours')
  const path = points.map(({ x, median }) => `${round(toX(x))},${round(toY(median))}`).join(' ')
  return [
    `<polyline fill="none" stroke="${colour}" stroke-width="${isOurs ? 3 : 1.8}"${dash(isOurs)} points="${path}"/>`,
    ...points.flatMap(({ x, median, min, max }) => [
      `<line stroke="${colour}" x1="${round(toX(x))}" y1="${round(toY(min))}" x2="${round(toX(x))}" y2="${round(toY(max))}"/>`,
      `<circle fill="${colour}" cx="${round(toX(x))}" cy="${round(toY(median))}" r="${isOurs ? 4 : 3}"/>`,
    ]),
  ]
}

function legendOf(series) {
  const left = PLOT.left + PLOT.width + 18
  return series.flatMap(({ name, points }, index) => {
    const y = PLOT.top + 12 + index * LEGEND_LINE
    const isOurs = name.startsWith('ours')
    return [
      `<line stroke="${colourOf(name)}" stroke-width="${isOurs ? 3 : 1.8}"${dash(isOurs)} x1="${left}" y1="${y - 4}" x2="${left + 22}" y2="${y - 4}"/>`,
      text(left + 28, y, `${titleOf(name)}: ${formatTick(points.at(-1).median)}`),
    ]
  })
}

const dash = (isOurs) => (isOurs ? '' : ' stroke-dasharray="6 3"')

function logScale(low, high, from, to) {
  const span = Math.log(high / low) || 1
  return (value) => from + ((to - from) * Math.log(value / low)) / span
}

/** Those whose labels do not meet. */
function withRoom(xs, toX) {
  const shown = []
  for (const x of xs) {
    if (shown.length === 0 || toX(x) - toX(shown.at(-1)) >= LABEL_WIDTH) shown.push(x)
  }
  return shown
}

/** 1, 2 and 5 of each power of ten. */
function ticksBetween(low, high) {
  const ticks = []
  for (let power = 10 ** Math.floor(Math.log10(low)); power <= high; power *= 10) {
    for (const tick of [power, 2 * power, 5 * power])
      if (tick >= low && tick <= high) ticks.push(tick)
  }
  return ticks
}
