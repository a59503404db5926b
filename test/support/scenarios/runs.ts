import { randomUUID } from 'node:crypto'
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { type ScenarioResult, violations } from './scenario.js'

// bench/fleet-scenarios.mjs sets these to run larger fleets many times over, and reads the report.
export const processes = Number(process.env.FLEET_PROCESSES ?? 8)
export const repeats = Number(process.env.FLEET_REPEATS ?? 1)
const file = process.env.FLEET_REPORT
/** No run begins after it. Milliseconds since 1970. */
const untilMs = Number(process.env.FLEET_UNTIL ?? Number.POSITIVE_INFINITY)
export const isReported = file !== undefined

/** A run that takes longer is broken off, and reported as such. */
const LONGEST_RUN_MS = 120_000
/** For all runs of a scenario. */
export const RUNS_TIMEOUT_MS = 2 * LONGEST_RUN_MS * repeats

/** What a run that threw has counted until then. */
export interface BrokenRun {
  /** To be read once the run has ended. */
  observed(): Record<string, number>
  /** So that nothing of it goes on in the next run. */
  leave?(): Promise<unknown>
}

/**
 * Makes the runs of a scenario that the report does not hold yet. A run is reported before it begins, and with what became of it, so
 * that each that was begun counts, and none is made again.
 *
 * @returns what was not as promised
 */
export async function makeRuns(
  name: string,
  run: () => Promise<ScenarioResult>,
  broken: BrokenRun,
): Promise<string[]> {
  const missed: string[] = []
  for (let made = reportedRuns(name); made < repeats && Date.now() < untilMs; made += 1) {
    const report = reporter(name)
    report(unfinished('not finished'))
    const result = await attempt(run).catch(async (error: Error) => {
      const observed = broken.observed()
      await broken.leave?.()
      return { ...unfinished(error.message, nameOf(error)), observed }
    })
    report(result)
    if (result.violated.length > 0) missed.push(...result.violated, ...result.failures)
  }
  return missed
}

async function attempt(
  run: () => Promise<ScenarioResult>,
): Promise<ScenarioResult & { violated: string[] }> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const error = new Error(`not over after ${LONGEST_RUN_MS} ms`)
    timer = setTimeout(() => reject(error), LONGEST_RUN_MS)
  })
  try {
    const result = await Promise.race([run(), late])
    return { violated: violations(result), ...result }
  } finally {
    clearTimeout(timer)
  }
}

function unfinished(why: string, threw = 'Error') {
  const nothing: ScenarioResult = { expected: {}, observed: {}, failures: [] }
  return { violated: [why], threw, ...nothing }
}

/** Of what was waited for in vain, or of the error itself. */
function nameOf({ cause, name }: Error): string {
  return cause instanceof Error ? cause.name : name
}

/** What it is given last stands for the run. */
function reporter(name: string): (result: object) => void {
  const run = randomUUID()
  return (result) => {
    if (file === undefined) return
    appendFileSync(file, `${JSON.stringify({ run, name, processes, ...result })}\n`)
  }
}

function reportedRuns(name: string): number {
  if (file === undefined || !existsSync(file)) return 0
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean)
  const own = lines.map((line) => JSON.parse(line)).filter((line) => line.name === name)
  return new Set(own.map(({ run }, index) => run ?? index)).size
}
