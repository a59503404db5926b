import { formatTick } from '../report/metrics.mjs'
import { drawing, line, round, text } from '../report/svg.mjs'

const COLOURS = [
  '#2f81f7',
  '#1a9c3e',
  '#e5534b',
  '#b08800',
  '#8957e5',
  '#1f9e8f',
  '#d2699b',
  '#7d8590',
]
const [WIDTH, PANEL, GAP, TOP] = [880, { width: 400, height: 150 }, 40, 60]
const PLOT = { left: 44, top: 26, width: 356, height: 86 }

/**
 * Each panel in its place of the grid.
 * @param panels - `{ title, unit, series: [{ name, points: [seconds, value][] }] }`
 */
export function plotDashboard(title, panels, seconds) {
  const parts = panels.flatMap((panel, index) => {
    const left = 20 + (index % 2) * (PANEL.width + GAP)
    const top = TOP + Math.floor(index / 2) * (PANEL.height + GAP)
    return drawPanel(panel, left, top, seconds)
  })
  const rows = Math.ceil(panels.length / 2)
  return drawing({ width: WIDTH, height: TOP + rows * (PANEL.height + GAP), title, parts })
}

function drawPanel({ title, series, unit }, left, top, seconds) {
  const values = series.flatMap(({ points }) => points.map(([, value]) => value))
  const most = Math.max(0, ...values) || 1
  const toX = (at) => left + PLOT.left + (at / seconds) * PLOT.width
  const toY = (value) => top + PLOT.top + PLOT.height * (1 - value / most)
  const shown = unit === 's' ? `${formatTick(most)} s` : formatTick(most)
  return [
    text(left, top + 12, title),
    line(toX(0), toY(0), toX(seconds), toY(0), 'grid'),
    line(toX(0), toY(most), toX(seconds), toY(most), 'grid'),
    text(left + PLOT.left - 6, toY(most) + 4, shown, { anchor: 'end', classes: 'quiet' }),
    text(left + PLOT.left - 6, toY(0) + 4, '0', { anchor: 'end', classes: 'quiet' }),
    ...series.flatMap(({ points }, index) => [
      `<polyline fill="none" stroke="${COLOURS[index % COLOURS.length]}" stroke-width="1.8" points="${points
        .map(([at, value]) => `${round(toX(at))},${round(toY(value))}`)
        .join(' ')}"/>`,
    ]),
    ...legend(series, left + PLOT.left, top + PLOT.top + PLOT.height + 18),
  ]
}

function legend(series, left, top) {
  let x = left
  let y = top
  return series.flatMap(({ name }, index) => {
    const width = 22 + name.length * 8.2
    if (x + width > left + PLOT.width) {
      x = left
      y += 16
    }
    const parts = [
      `<rect fill="${COLOURS[index % COLOURS.length]}" x="${round(x)}" y="${y - 9}" width="10" height="10"/>`,
      text(x + 14, y, name, { classes: 'quiet' }),
    ]
    x += width
    return parts
  })
}
