import { appendFileSync, existsSync, readFileSync } from 'node:fs'

// bench/fleet-scenarios.mjs sets these to run larger fleets many times over, and reads the report.
export const processes = Number(process.env.FLEET_PROCESSES ?? 8)
export const repeats = Number(process.env.FLEET_REPEATS ?? 1)
const file = process.env.FLEET_REPORT
export const isReported = file !== undefined

/** Gives what reports a run, for each run of the scenario that the report does not hold yet. */
export function* missingRuns(name: string): Generator<(run: object) => void> {
  for (let run = reportedRuns(name); run < repeats; run += 1) {
    yield (result) => {
      if (file === undefined) return
      appendFileSync(file, `${JSON.stringify({ name, processes, ...result })}\n`)
    }
  }
}

function reportedRuns(name: string): number {
  if (file === undefined || !existsSync(file)) return 0
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean)
  return lines.filter((line) => JSON.parse(line).name === name).length
}
