import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile, rename, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/**
 * Every run of every scenario with one database and one size of fleet, each with the counts of both servers. If `directory`
 * holds them already, they are not made again.
 */
export async function runScenarios({ directory, database, processes, repeats }) {
  const report = resolve(directory, `${database}-${processes}.jsonl`)
  if (!existsSync(report)) {
    console.error(`${database}, ${processes} processes, ${repeats} times`)
    const unfinished = `${report}.part`
    await rm(unfinished, { force: true })
    await runTests({
      FLEET_PROCESSES: String(processes),
      FLEET_REPEATS: String(repeats),
      FLEET_DATABASE: database,
      FLEET_REPORT: unfinished,
    })
    if (!existsSync(unfinished)) {
      throw new Error(
        'No scenario ran; npx vitest run --project fleet test/fleet/scenarios.test.ts says why',
      )
    }
    await rename(unfinished, report)
  }
  const lines = (await readFile(report, 'utf8')).split('\n').filter(Boolean)
  return lines.map((line) => ({ ...JSON.parse(line), database }))
}

/** The test file is the runner: it starts Redis and the fleet, and appends a line of JSON for each run to the report. */
async function runTests(env) {
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs')
  const options = ['run', '--project', 'fleet', '--reporter', 'dot']
  const args = [vitest, ...options, 'test/fleet/scenarios.test.ts']
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    stdio: 'ignore',
    env: { ...process.env, ...env },
  })
  await once(child, 'exit')
}
