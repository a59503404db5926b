import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { numberAbove0, runScript } from '../scripts/run-script.mjs'
import { dim, overwrite, print, settle } from '../scripts/terminal.mjs'
import { runFaultTests } from './fault-tests.mjs'

const USAGE = `node bench/faults.mjs      runs test/faults and prints what calls saw

  --repeats 5      how often each fault strikes (3)
  --write          keeps it in bench/results

It tests the dist that is there: npm run build.`

const DATA = fileURLToPath(new URL('./results/faults.json', import.meta.url))
const FAMILIES = ['server', 'network', 'sentinel', 'cluster', 'clocks']

async function main(values) {
  const repeats = numberAbove0('--repeats', values.repeats)
  const runs = []
  for (let i = 1; i <= repeats; i += 1) {
    const { lines, isGood, output } = await runFaultTests(
      FAMILIES.map((family) => `${family}.test.ts`),
      (report) => ({ FAULTS_REPORT: report }),
      (done) =>
        overwrite(
          `run ${i} of ${repeats}: ${done.length} faults  ${dim(done.at(-1)?.fault ?? '')}`,
        ),
    )
    if (!isGood) {
      print(output)
      process.exitCode = 1
    }
    runs.push(...lines)
  }
  settle('')

  const byFault = new Map()
  for (const run of runs) byFault.set(run.fault, [...(byFault.get(run.fault) ?? []), run])
  const inOrder = [...byFault].sort(
    ([, [a]], [, [b]]) => FAMILIES.indexOf(a.family) - FAMILIES.indexOf(b.family),
  )
  const lines = inOrder.map(([fault, measured]) =>
    JSON.stringify({
      fault,
      codes: codesOf(measured),
      longestCallSeconds: range(measured.map(({ slowestMs }) => slowestMs / 1_000)),
      servedAgainSeconds: range(measured.map(({ healedMs }) => healedMs / 1_000)),
      lost: lossesOf(measured),
    }),
  )
  print(lines.join('\n'))
  if (values.write) await writeFile(DATA, `[\n${lines.map((line) => ` ${line}`).join(',\n')}\n]\n`)
}

function codesOf(measured) {
  return [...new Set(measured.flatMap(({ failed }) => Object.keys(failed)))].sort()
}

function range(numbers) {
  const [least, most] = [Math.min(...numbers), Math.max(...numbers)].map((one) => one.toFixed(1))
  return least === most ? least : `${least} to ${most}`
}

/** Acknowledged writes that were gone afterwards. */
function lossesOf(measured) {
  const lost = measured.map((run) => run.lost)
  const most = Math.max(...lost)
  if (most === 0) return 'nothing'
  const of = measured[lost.indexOf(most)].acknowledged
  return `up to ${most} of ${of} writes`
}

await runScript({
  usage: USAGE,
  options: {
    repeats: { type: 'string', default: '3' },
    write: { type: 'boolean', default: false },
  },
  main,
})
