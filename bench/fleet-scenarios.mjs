import { mkdir } from 'node:fs/promises'
import { temporaryFolder } from '../scripts/cleanup.mjs'
import { numberAbove0, runScript, wordsAmong } from '../scripts/run-script.mjs'
import { causeOf } from './fleet/causes.mjs'
import { writePage } from './fleet/page.mjs'
import { makeRuns, readRuns } from './fleet/runs.mjs'
import { counts, markdown } from './fleet/tables.mjs'

const DATABASES = ['coordinated', 'records', 'uncoordinated']

const USAGE = `node bench/fleet-scenarios.mjs      runs the scenarios of test/fleet many times, and prints what was counted

  --processes 8,32           sizes of the fleets (8,32)
  --repeats 20,10            how often, for each size (20,10)
  --database coordinated     of ${DATABASES.join(', ')} (all): this database, the same without withOAuthDatabase, a plain one
  --only TEXT                scenarios with this in their names
  --runs DIRECTORY           keeps each run there as a line of JSON, and makes only those that are not there yet; one that was
                             not as promised counts, and is not made again
  --minutes 8                begins no run after so long
  --write                    puts all runs of the directory into docs/guarantees.md and bench/results/fleet.json`

const numbersOf = (option, text) => text.split(',').map((one) => numberAbove0(option, one))

async function main(values) {
  const sizes = numbersOf('--processes', values.processes)
  const repeats = numbersOf('--repeats', values.repeats)
  const databases = wordsAmong(DATABASES, values.database.split(','), 'database')
  const minutes = values.minutes && numberAbove0('--minutes', values.minutes)
  const untilMs = minutes && Date.now() + 60_000 * minutes
  const { runs: directory = await temporaryFolder(), only } = values
  await mkdir(directory, { recursive: true })
  for (const database of databases) {
    for (const [index, processes] of sizes.entries()) {
      const times = repeats[index] ?? repeats[0]
      await makeRuns({ directory, database, processes, repeats: times, only, untilMs })
    }
  }
  const runs = await readRuns(directory)
  for (const database of databases) {
    console.log(
      `\n${database}\n\n${markdown(counts(runs.filter((run) => run.database === database)))}`,
    )
  }
  if (values.write) await writePage(runs)
  process.exitCode = reportMissed(runs.filter(({ database }) => database === 'coordinated'))
}

/** Says which runs of the coordinated database were not as promised; the others are not meant to be. */
function reportMissed(runs) {
  const missed = runs.filter(({ violated }) => violated.length > 0)
  for (const run of missed) {
    const { name, processes, violated, failures } = run
    console.log(`\n${name} (${processes}): ${causeOf(run)}: ${violated.join('; ')}`)
    for (const failure of failures) console.log(`  ${failure}`)
  }
  console.log(`\n${runs.length - missed.length} of ${runs.length} coordinated runs as promised`)
  return missed.length > 0 ? 1 : 0
}

await runScript({
  usage: USAGE,
  options: {
    processes: { type: 'string', default: '8,32' },
    repeats: { type: 'string', default: '20,10' },
    database: { type: 'string', default: DATABASES.join(',') },
    only: { type: 'string' },
    runs: { type: 'string' },
    minutes: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
  main,
})
