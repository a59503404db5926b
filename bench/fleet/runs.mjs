import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { expectedError } from '../../scripts/cleanup.mjs'
import { runTests } from '../tests.mjs'

/** Processes of one outage beside which another may run: more would wait for the processor, not for each other. */
const MOST_AT_ONCE = 8

/**
 * Makes runs of scenarios with one database and one size of fleet. Those that `directory` holds already are not made again.
 *
 * @param {object} options
 * @param {string} [options.only] - what the names of the scenarios hold
 * @param {number} [options.untilMs] - when the last run may begin, by `Date.now()`
 */
export async function makeRuns({ directory, database, processes, repeats, only, untilMs }) {
  const report = resolve(directory, `${database}-${processes}.jsonl`)
  console.error(`${database}, ${processes} processes, ${repeats} times`)
  // The processes of an outage refresh by themselves, without a client, and always with this database.
  const files = database === 'coordinated' ? ['scenarios', 'outages'] : ['scenarios']
  const output = await runFleetTests(files, only, processes > MOST_AT_ONCE ? 1 : 2, {
    ...(untilMs === undefined ? {} : { FLEET_UNTIL: String(untilMs) }),
    FLEET_PROCESSES: String(processes),
    FLEET_REPEATS: String(repeats),
    FLEET_DATABASE: database,
    FLEET_REPORT: report,
  })
  if (!existsSync(report)) throw expectedError(`No scenario ran:\n\n${output}`)
}

/** All runs that `directory` holds, each with what was counted. Of a run that has an id the last line counts. */
export async function readRuns(directory) {
  const runs = []
  for (const file of (await readdir(directory)).sort()) {
    const [, database] = /^(\w+)-\d+\.jsonl$/.exec(file) ?? []
    if (database === undefined) continue
    const lines = (await readFile(join(directory, file), 'utf8')).split('\n').filter(Boolean)
    const byId = new Map()
    for (const [index, line] of lines.entries()) {
      const run = JSON.parse(line)
      byId.set(run.run ?? index, { ...run, database })
    }
    runs.push(...byId.values())
  }
  return runs.sort((one, other) => one.processes - other.processes)
}

/** The test files are the runners: they start Redis and the fleet, and append a line of JSON for each run to the report. */
async function runFleetTests(files, only, outagesAtOnce, env) {
  const args = ['--project', 'fleet', '--no-file-parallelism']
  args.push('--maxConcurrency', String(outagesAtOnce))
  if (only !== undefined) args.push('-t', only)
  const { output } = await runTests([...args, ...files.map(pathOf)], env)
  return output
}

function pathOf(file) {
  return `test/fleet/${file}.test.ts`
}
