import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Processes of one outage beside which another may run: more would wait for the processor, not for each other. */
const MOST_AT_ONCE = 8

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

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
  await runTests(files, only, processes > MOST_AT_ONCE ? 1 : 2, {
    ...(untilMs === undefined ? {} : { FLEET_UNTIL: String(untilMs) }),
    FLEET_PROCESSES: String(processes),
    FLEET_REPEATS: String(repeats),
    FLEET_DATABASE: database,
    FLEET_REPORT: report,
  })
  if (!existsSync(report)) {
    throw new Error(
      'No scenario ran; npx vitest run --project fleet test/fleet/scenarios.test.ts says why',
    )
  }
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
async function runTests(files, only, outagesAtOnce, env) {
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs')
  const options = ['run', '--project', 'fleet', '--reporter', 'dot', '--no-file-parallelism']
  options.push('--maxConcurrency', String(outagesAtOnce))
  if (only !== undefined) options.push('-t', only)
  const args = [vitest, ...options, ...files.map((file) => `test/fleet/${file}.test.ts`)]
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    stdio: 'ignore',
    env: { ...process.env, ...env },
  })
  await once(child, 'exit')
}
