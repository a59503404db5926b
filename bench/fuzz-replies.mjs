// Has databases talk to servers that lie in every way that the protocol allows, and looks for what must not come of it: a crash, a
// call that does not end, a secret in an error, an answer that belongs to another call.
import { expectedError } from '../scripts/cleanup.mjs'
import { numberAbove0, runScript } from '../scripts/run-script.mjs'
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

const USAGE = `node bench/fuzz-replies.mjs    calls of every method to servers that lie

  --seconds 3600   how long (60)
  --seed 1         of the first round, the next has the next; a finding says its own

It tests src. Exits with 1 on a finding.`

const megabytes = (bytes) => `${(bytes / 2 ** 20).toFixed(0)} MB`
const LINES_WITHOUT_TERMINAL_EVERY_MS = 60_000
let printedAtMs = 0

function draw(lines, lengthMs) {
  const now = lines.at(-1)
  if (now?.elapsedMs === undefined) return
  const { elapsedMs, rounds, calls, lies, rss } = now
  const line = `${duration(elapsedMs)}  ${count(rounds)} rounds, ${count(calls)} calls, ${count(lies)} lies  ${dim(megabytes(rss))}`
  if (isLive) {
    overwrite(`${bar(elapsedMs / lengthMs)} ${line}`)
  } else if (elapsedMs - printedAtMs >= LINES_WITHOUT_TERMINAL_EVERY_MS) {
    printedAtMs = elapsedMs
    print(line)
  }
}

async function main(values) {
  const lengthMs = numberAbove0('--seconds', values.seconds) * 1_000
  const { lines, isGood, output } = await runFaultTests(
    ['replies.test.ts'],
    (report) => ({
      FUZZ_REPORT: report,
      FUZZ_SECONDS: values.seconds,
      ...(values.seed && { FUZZ_SEED: values.seed }),
    }),
    (lines) => draw(lines, lengthMs),
  )
  settle('')
  const summary = lines.find(({ seed }) => seed !== undefined)
  if (summary === undefined) {
    print(output)
    throw expectedError('The fuzzer came to no end')
  }
  const { seed, elapsedMs, rounds, calls, commands, lies, slowest, slowestMs, rss, found } = summary
  const report = [
    bold(isGood ? green('Nothing was found.') : red(`Found: ${found.length}`)),
    `${count(rounds)} rounds in ${duration(elapsedMs)} (the first has seed ${seed})`,
    `${count(calls)} calls, ${count(commands)} commands, ${count(lies)} lies`,
    `longest call   ${slowest}, ${slowestMs} ms`,
    `memory         ${megabytes(rss)}`,
  ]
  print(isLive ? box(report, isGood ? green : red) : report.join('\n'))
  for (const finding of found) print(finding)
  if (!isGood && found.length === 0) print(output)
  process.exitCode = isGood ? 0 : 1
}

await runScript({
  usage: USAGE,
  options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string' } },
  main,
})
