// Runs the scenarios of test/fleet in fleets of several sizes, many times over, and prints what was counted.
//
//   node bench/fleet-scenarios.mjs [--processes 8,32] [--repeats 20,10] [--database coordinated,records,uncoordinated]
//                                  [--runs DIRECTORY] [--write]
//
// `records` is this database without withOAuthDatabase, `uncoordinated` a plain one. `--runs` keeps each run as a line of
// JSON there, and makes only the fleets that are not there yet. `--write` puts what was counted into docs/guarantees.md.
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { writePage } from './fleet/page.mjs'
import { runScenarios } from './fleet/runs.mjs'
import { countsTable } from './fleet/tables.mjs'

const { values } = parseArgs({
  options: {
    processes: { type: 'string', default: '8,32' },
    repeats: { type: 'string', default: '20,10' },
    database: { type: 'string', default: 'coordinated,records,uncoordinated' },
    runs: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
})

const scratch = await mkdtemp(join(tmpdir(), 'fleet-scenarios-'))
try {
  const directory = values.runs ?? scratch
  await mkdir(directory, { recursive: true })
  const repeats = values.repeats.split(',').map(Number)
  const runs = []
  for (const database of values.database.split(',')) {
    for (const [index, processes] of values.processes.split(',').map(Number).entries()) {
      const times = repeats[index] ?? repeats[0]
      runs.push(...(await runScenarios({ directory, database, processes, repeats: times })))
    }
  }
  for (const database of values.database.split(',')) {
    console.log(`\n${database}\n\n${countsTable(runs.filter((run) => run.database === database))}`)
  }
  if (values.write) await writePage(runs)
  process.exitCode = reportMissed(runs.filter(({ database }) => database === 'coordinated'))
} finally {
  await rm(scratch, { recursive: true, force: true })
}

/** Says which runs of the coordinated database were not as promised; the others are not meant to be. */
function reportMissed(runs) {
  const missed = runs.filter(({ violated }) => violated.length > 0)
  for (const { name, processes, violated, failures } of missed) {
    console.log(`\n${name} (${processes}): ${violated.join('; ')}`)
    for (const failure of failures) console.log(`  ${failure}`)
  }
  console.log(`\n${runs.length - missed.length} of ${runs.length} coordinated runs as promised`)
  return missed.length > 0 ? 1 : 0
}
