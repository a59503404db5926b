// Lets three processes use one Redis without a pause while random faults strike, checks every answer against a model, and
// weighs the heaps.
//
//   npm run build && node bench/soak.mjs [--seconds 180] [--seed 1]
import { parseArgs } from 'node:util'
import {
  bar,
  bold,
  box,
  count,
  dim,
  duration,
  green,
  isLive,
  overwrite,
  print,
  red,
  settle,
} from '../scripts/terminal.mjs'
import { runFaultTests } from './fault-tests.mjs'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '180' },
    seed: { type: 'string' },
  },
})
const lengthMs = Number(values.seconds) * 1_000
if (!(lengthMs >= 1_000)) throw new TypeError('--seconds must be a number from 1')

const megabytes = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MB`

function draw(lines) {
  const now = lines.at(-1)
  if (now?.elapsedMs === undefined) return
  const { elapsedMs, calls, faults, fault } = now
  overwrite(
    `${bar(elapsedMs / lengthMs)} ${duration(elapsedMs)}  ${count(calls)} calls, ${faults} faults  ${dim(fault)}`,
  )
}

const { lines, isGood, output } = await runFaultTests(
  ['soak.test.ts'],
  (report) => ({
    SOAK_REPORT: report,
    SOAK_SECONDS: values.seconds,
    ...(values.seed && { SOAK_SEED: values.seed }),
  }),
  draw,
)
settle('')
const summary = lines.find(({ seed }) => seed !== undefined)
if (summary === undefined) {
  print(output)
  throw new Error('The soak came to no end')
}
const { seed, seconds, calls, failed, faults, slowestMs, wrong, heapBytes, heapGrowthBytes } =
  summary
const codes = Object.entries(failed).map(([code, times]) => `${code} ${count(times)}`)
const report = [
  bold(isGood ? green('Every answer was right.') : red('Not well.')),
  `${count(calls)} calls in ${seconds} s, ${faults} faults (seed ${seed})`,
  `wrong answers  ${wrong}`,
  `failed calls   ${codes.join(', ') || 'none'}`,
  `longest call   ${slowestMs} ms`,
  `heaps          ${heapBytes.map(megabytes).join(', ')}`,
  `their growth   ${heapGrowthBytes.map(megabytes).join(', ')} from the middle third to the last`,
]
print(isLive ? box(report, isGood ? green : red) : report.join('\n'))
if (!isGood) print(output)
process.exitCode = isGood ? 0 : 1
