// Lets three processes use one Redis while random faults strike. Records: without a pause, every answer checked against a
// model, and the heaps weighed. Sessions: logins, refreshes and deletions, and every lost session and spent token counted.
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

const USAGE = `node bench/soak.mjs      faults at random, for as long as asked for, and every answer checked

  --seconds 3600   how long (180)
  --sessions       logins, refreshes and deletions of users, in place of records
  --seed 1         which faults and which calls; a failed run says its own

It tests the dist that is there: npm run build.`

const megabytes = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MB`

function draw(lines, lengthMs) {
  const now = lines.at(-1)
  if (now?.elapsedMs === undefined) return
  const { elapsedMs, calls, sent, faults, fault = '' } = now
  const done = sent === undefined ? `${count(calls)} calls` : `${count(sent)} refreshes`
  overwrite(
    `${bar(elapsedMs / lengthMs)} ${duration(elapsedMs)}  ${done}, ${faults} faults  ${dim(fault)}`,
  )
}

function recordReport(summary, isGood) {
  const { seed, seconds, calls, failed, faults, slowestMs, wrong, heapBytes, heapGrowthBytes } =
    summary
  const codes = Object.entries(failed).map(([code, times]) => `${code} ${count(times)}`)
  return [
    bold(isGood ? green('Every answer was right.') : red('Not well.')),
    `${count(calls)} calls in ${seconds} s, ${faults} faults (seed ${seed})`,
    `wrong answers  ${wrong}`,
    `failed calls   ${codes.join(', ') || 'none'}`,
    `longest call   ${slowestMs} ms`,
    `heaps          ${heapBytes.map(megabytes).join(', ')}`,
    `their growth   ${heapGrowthBytes.map(megabytes).join(', ')} from the middle third to the last`,
  ]
}

function sessionReport(summary, isGood) {
  const { seed, seconds, sent, logins, deletions, sessionsChecked, failed, faults } = summary
  const { spentTokens, spentAfterKills, lost, back } = summary
  return [
    bold(isGood ? green('No session was lost.') : red('Not well.')),
    `${count(sent)} refreshes, ${count(logins)} logins, ${count(deletions)} deletions in ${seconds} s, ${faults} faults (seed ${seed})`,
    `sessions checked  ${count(sessionsChecked)}`,
    `sessions lost     ${lost}`,
    `spent tokens      ${spentTokens}, and ${spentAfterKills} whose process was killed with the pair`,
    `users back        ${back}`,
    `failed calls      ${count(failed)}`,
  ]
}

async function main(values) {
  const lengthMs = numberAbove0('--seconds', values.seconds) * 1_000
  const { lines, isGood, output } = await runFaultTests(
    [values.sessions ? 'session-soak.test.ts' : 'soak.test.ts'],
    (report) => ({
      SOAK_REPORT: report,
      SOAK_SECONDS: values.seconds,
      ...(values.seed && { SOAK_SEED: values.seed }),
    }),
    (lines) => draw(lines, lengthMs),
  )
  settle('')
  const summary = lines.find(({ seed }) => seed !== undefined)
  if (summary === undefined) {
    print(output)
    throw expectedError('The soak came to no end')
  }
  const report = values.sessions ? sessionReport(summary, isGood) : recordReport(summary, isGood)
  print(isLive ? box(report, isGood ? green : red) : report.join('\n'))
  if (!isGood) print(output)
  process.exitCode = isGood ? 0 : 1
}

await runScript({
  usage: USAGE,
  options: {
    seconds: { type: 'string', default: '180' },
    seed: { type: 'string' },
    sessions: { type: 'boolean', default: false },
  },
  main,
})
