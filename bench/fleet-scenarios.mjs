// Runs the scenarios of test/fleet in fleets of several sizes, many times over, and prints what was counted as a table.
//
//   node bench/fleet-scenarios.mjs [--processes 8,32] [--repeats 20] [--database coordinated]
//
// `--database uncoordinated` shows what the same fleets come to where nothing coordinates them.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const COLUMNS = {
  registrations: 'registrations',
  authorizations: 'logins',
  refreshes: 'refreshes',
  familiesRevoked: 'families revoked',
  callsOk: 'calls answered',
  callsFailed: 'calls failed',
  slowestMs: 'slowest call, ms',
}

const { values } = parseArgs({
  options: {
    processes: { type: 'string', default: '8,32' },
    repeats: { type: 'string', default: '20' },
    database: { type: 'string', default: 'coordinated' },
  },
})

const directory = await mkdtemp(join(tmpdir(), 'fleet-scenarios-'))
try {
  const runs = []
  for (const processes of values.processes.split(',')) runs.push(...(await runScenarios(processes)))
  console.log(table(runs))
  const missed = runs.filter(({ violated }) => violated.length > 0)
  for (const { name, processes, violated, failures } of missed) {
    console.log(`\n${name} (${processes}): ${violated.join('; ')}`)
    for (const failure of failures) console.log(`  ${failure}`)
  }
  console.log(`\n${runs.length - missed.length} of ${runs.length} runs as expected`)
  process.exitCode = missed.length > 0 ? 1 : 0
} finally {
  await rm(directory, { recursive: true, force: true })
}

/** The test file is the runner: it starts Redis and the fleet, and appends a line of JSON for each run to the report. */
async function runScenarios(processes) {
  const report = join(directory, `${processes}.jsonl`)
  await writeFile(report, '')
  const vitest = spawn(
    process.execPath,
    [
      join(ROOT, 'node_modules/vitest/vitest.mjs'),
      ...['run', '--project', 'fleet', '--reporter', 'dot', 'test/fleet/scenarios.test.ts'],
    ],
    {
      cwd: ROOT,
      stdio: ['ignore', 'ignore', 'ignore'],
      env: {
        ...process.env,
        FLEET_PROCESSES: processes,
        FLEET_REPEATS: values.repeats,
        FLEET_DATABASE: values.database,
        FLEET_REPORT: report,
      },
    },
  )
  await once(vitest, 'exit')
  const lines = (await readFile(report, 'utf8')).split('\n').filter(Boolean)
  if (lines.length === 0) {
    throw new Error(
      'No scenario ran; npx vitest run --project fleet test/fleet/scenarios.test.ts says why',
    )
  }
  return lines.map((line) => JSON.parse(line))
}

function table(runs) {
  const header = ['scenario', 'processes', 'as expected', ...Object.values(COLUMNS)]
  const groups = new Map()
  for (const run of runs) {
    const key = `${run.name}, ${run.processes}`
    groups.set(key, [...(groups.get(key) ?? []), run])
  }
  const rows = [...groups.values()].map((group) => {
    const kept = group.filter(({ violated }) => violated.length === 0).length
    const [{ name, processes }] = group
    const ranges = Object.keys(COLUMNS).map((key) =>
      range(group.map(({ observed }) => observed[key])),
    )
    return [name, processes, `${kept} of ${group.length}`, ...ranges]
  })
  return [header, header.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n')
}

function range(counts) {
  const [least, most] = [Math.min(...counts), Math.max(...counts)]
  return least === most ? String(least) : `${least} to ${most}`
}
