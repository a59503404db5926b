import { drawing, line, round, text } from '../report/svg.mjs'
import { namesIn, ofOneShape, resultOf } from './counts.mjs'

const SERIES = [
  { storage: 'memory', label: 'the SDK alone', colour: '#b08800' },
  { storage: 'file', label: 'a file', colour: '#e5534b' },
  { storage: 'redis', label: '@atxp/redis/mcp', colour: '#2f81f7' },
]
const PANELS = [
  { title: 'logins of the user', left: 180, countOf: ({ logins }) => logins },
  { title: 'calls lost', left: 540, countOf: ({ callsLost }) => callsLost },
]
const WIDTH = 880
const TOP = 92
const BAR_WIDTH = 270
const BAR = 7
const ROW = 36

/** Logins and lost calls by scenario, of the newest SDK and the smallest fleet. */
export function plotCalls(runs) {
  const plotted = ofOneShape(runs)
  const [{ processes, version }] = plotted
  const names = namesIn(plotted)
  const bottom = TOP + names.length * ROW
  const title = `${processes} processes with one session, MCP SDK ${version.replace('v', 'version ')}`
  const parts = [
    ...SERIES.flatMap(({ label, colour }, index) => [
      `<rect fill="${colour}" x="${20 + index * 160}" y="44" width="10" height="10"/>`,
      text(36 + index * 160, 53, label),
    ]),
    ...names.map((name, index) => text(20, TOP + index * ROW + 18, name)),
    ...PANELS.flatMap((panel) => drawPanel(panel, plotted, names, bottom)),
  ]
  return drawing({ width: WIDTH, height: bottom + 16, title, parts })
}

function drawPanel({ title, left, countOf }, runs, names, bottom) {
  const bars = names.flatMap((name, row) =>
    SERIES.flatMap(({ storage, colour }, index) => {
      const run = runs.find((one) => one.storage === storage)
      if (run === undefined) return []
      return [
        { value: countOf(resultOf(run, name)), colour, y: TOP + row * ROW + index * (BAR + 2) },
      ]
    }),
  )
  const most = Math.max(1, ...bars.map(({ value }) => value))
  return [
    text(left, TOP - 14, title, { classes: 'quiet' }),
    line(left, TOP - 4, left, bottom, 'grid'),
    ...bars.flatMap(({ value, colour, y }) => {
      const width = round((value / most) * BAR_WIDTH)
      return [
        `<rect fill="${colour}" x="${left}" y="${y}" width="${Math.max(width, 1)}" height="${BAR}" rx="1"/>`,
        text(left + width + 6, y + BAR, value, { classes: 'quiet' }),
      ]
    }),
  ]
}
