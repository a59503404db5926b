import { answeredShare, groupBy, percent } from './tables.mjs'

const SERIES = [
  { database: 'coordinated', label: 'withOAuthDatabase', colour: '#2da44e', x: 372 },
  { database: 'records', label: 'records only', colour: '#bf8700', x: 534 },
  { database: 'uncoordinated', label: 'naive', colour: '#cf222e', x: 650 },
]
const WIDTH = 760
const TOP = 62
const LABEL_WIDTH = 372
const PERCENT_WIDTH = 56
const BAR_WIDTH = WIDTH - LABEL_WIDTH - PERCENT_WIDTH
const BAR_HEIGHT = 7
const ROW_HEIGHT = 34

/** Bars of the smallest fleet, for the scenarios in which no call should fail. */
export function plotAnswered(runs) {
  const processes = Math.min(...runs.map((run) => run.processes))
  const plotted = runs.filter((run) => run.processes === processes)
  const promised = new Set(
    plotted.filter(({ expected }) => expected.callsFailed === 0).map(({ name }) => name),
  )
  const groups = groupBy(
    plotted.filter(({ name }) => promised.has(name)),
    ({ name }) => name,
  )
  const rows = [...groups].map(([name, group], index) => row(name, group, TOP + index * ROW_HEIGHT))
  const height = TOP + rows.length * ROW_HEIGHT + 4
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="Calls answered">
<style>
text { font: 13px -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328 }
.title { font-weight: 600; font-size: 15px }
.small { font-size: 10px }
.track { fill: #afb8c1; opacity: .25 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } }
</style>
<text class="title" x="0" y="16">Of all calls, how many were answered</text>
<text x="0" y="38">${processes} processes with one session</text>
${legend()}
${rows.join('\n')}
</svg>
`
}

function legend() {
  return SERIES.map(({ label, colour, x }) => {
    const square = `<rect x="${x}" y="28" width="10" height="10" fill="${colour}"/>`
    return `${square}<text x="${x + 16}" y="38">${label}</text>`
  }).join('\n')
}

function row(name, runs, y) {
  const bars = SERIES.map(({ database, colour }, index) => {
    const own = runs.filter((run) => run.database === database)
    if (own.length === 0) return ''
    const share = answeredShare(own)
    const top = y + index * (BAR_HEIGHT + 2)
    const bar = (className, width) =>
      `<rect ${className} x="${LABEL_WIDTH}" y="${top}" width="${width}" height="${BAR_HEIGHT}" rx="2"/>`
    const number = `<text class="small" x="${LABEL_WIDTH + BAR_WIDTH + 8}" y="${top + BAR_HEIGHT}">${percent(share)}</text>`
    return (
      bar('class="track"', BAR_WIDTH) +
      bar(`fill="${colour}"`, Math.round(share * BAR_WIDTH)) +
      number
    )
  })
  return `<text x="0" y="${y + 16}">${name}</text>\n${bars.join('\n')}`
}
