import { Fleet, type FleetOptions } from './fleet.js'
import { type Counts, SCENARIO_NAMES, SCENARIOS, type ScenarioName } from './scenarios.js'

export interface RefereeOptions {
  /**
   * The program and its arguments that start one process of the client. No shell reads it.
   * @example
   * ```ts
   * const command = [process.execPath, 'client.mjs']
   * ```
   */
  command: readonly string[]
  /**
   * How many processes share the session, from 2 to 256.
   * @defaultValue 8
   */
  processes?: number | undefined
  /**
   * The scenarios to play, in this order.
   * @defaultValue all of them
   * @example
   * ```ts
   * const scenarios = ['cold start', 'expiry met by all']
   * ```
   */
  scenarios?: readonly ScenarioName[] | undefined
  /**
   * Environment variables of the processes, on top of those of this one.
   * @defaultValue `{}`
   * @example
   * ```ts
   * const env = { REDIS_URL: 'redis://localhost:6379' }
   * ```
   */
  env?: Readonly<Record<string, string>> | undefined
  /**
   * Where the processes are started.
   * @defaultValue the working directory of this process
   */
  cwd?: string | undefined
  /**
   * The longest that a process may take until it is ready, and for each call, in milliseconds. Then it is killed, and all its calls are lost.
   * @defaultValue 30_000
   */
  timeoutMs?: number | undefined
  /**
   * Ends the run: all processes are killed, and `runReferee` rejects with the signal's reason.
   * @example
   * ```ts
   * const signal = AbortSignal.timeout(600_000)
   * ```
   */
  signal?: AbortSignal | undefined
  /**
   * Called after each scenario. What it throws ends the run.
   * @example
   * ```ts
   * const onScenario = ({ name, passed }: { name: string; passed: boolean }) => console.log(name, passed)
   * ```
   */
  onScenario?: ((result: ScenarioResult) => void) | undefined
}

/** What one scenario came to. */
export interface ScenarioResult extends Counts {
  name: ScenarioName
  callsMade: number
  /** What is wrong, one sentence each: numbers that are not as they should be, processes that died, errors. Never a secret. */
  problems: string[]
  /** Whether every number is as it should be, and every process did what it was asked. */
  passed: boolean
  tookMs: number
}

export interface RefereeReport {
  processes: number
  scenarios: ScenarioResult[]
  /** Whether all of them passed. */
  passed: boolean
}

const DEFAULT_PROCESSES = 8
const DEFAULT_TIMEOUT_MS = 30_000
const MAX_PROCESSES = 256
/** A timer of Node's that is set for longer fires at once. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1

/**
 * Judges whether many processes of an MCP client can share one session. For each scenario it starts a strict authorization
 * server, an MCP server and the processes, all on 127.0.0.1, and ends them. How a process is asked:
 * https://github.com/atxp-dev/redis/blob/main/docs/referee.md
 * @throws TypeError when an option cannot be used
 * @example
 * ```ts compile-only
 * import { formatReport, runReferee } from '@atxp/redis/referee'
 *
 * const report = await runReferee({ command: [process.execPath, 'client.mjs'], processes: 8 })
 * console.log(formatReport(report))
 * process.exitCode = report.passed ? 0 : 1
 * ```
 */
export async function runReferee(options: RefereeOptions): Promise<RefereeReport> {
  const { command, env, cwd, signal, onScenario, scenarios = SCENARIO_NAMES } = options
  const { processes = DEFAULT_PROCESSES, timeoutMs = DEFAULT_TIMEOUT_MS } = options
  checkOptions({ ...options, processes, timeoutMs, scenarios })
  const fleetOptions = {
    command,
    cwd,
    timeoutMs,
    processes,
    signal,
    env: { ...process.env, ...env },
  }
  const results: ScenarioResult[] = []
  for (const name of scenarios) {
    if (signal?.aborted) throw signal.reason
    const result = await play(name, fleetOptions)
    results.push(result)
    onScenario?.(result)
  }
  return { processes, scenarios: results, passed: results.every(({ passed }) => passed) }
}

async function play(name: ScenarioName, options: FleetOptions): Promise<ScenarioResult> {
  const startedAt = Date.now()
  const { expected, run } = SCENARIOS[name]
  const fleet = await Fleet.start(options)
  try {
    const problems = (await run(fleet)) ?? []
    // Whatever happened, the session that is left must serve everyone.
    await fleet.call()
    const counts = countsOf(fleet)
    problems.push(...violations(counts, expected), ...fleet.messages)
    return {
      name,
      ...counts,
      callsMade: fleet.callsMade,
      problems,
      passed: problems.length === 0,
      tookMs: Date.now() - startedAt,
    }
  } finally {
    await fleet.stop()
  }
}

function countsOf(fleet: Fleet): Counts {
  const counters = fleet.authorizationServer.counters()
  return {
    registrations: counters.registrations,
    logins: counters.authorizations,
    refreshes: counters.refreshes,
    spentTokens: counters.reuseDetections,
    familiesRevoked: counters.familiesRevoked,
    callsLost: fleet.callsLost,
  }
}

const WORDS: Record<keyof Counts, string> = {
  registrations: 'registrations',
  logins: 'logins',
  refreshes: 'refreshes',
  spentTokens: 'spent refresh tokens sent',
  familiesRevoked: 'families revoked',
  callsLost: 'calls lost',
}

function violations(counts: Counts, expected: Partial<Counts>): string[] {
  return Object.entries(expected).flatMap(([name, value]) => {
    const count = counts[name as keyof Counts]
    return count === value ? [] : [`${WORDS[name as keyof Counts]}: ${count}, not ${value}`]
  })
}

interface Checked {
  command: readonly string[]
  processes: number
  timeoutMs: number
  scenarios: readonly string[]
}

function checkOptions({ command, processes, timeoutMs, scenarios }: Checked): void {
  const isCommand = Array.isArray(command) && command.every((part) => typeof part === 'string')
  if (!isCommand || !command[0]) {
    throw new TypeError(
      'options.command must be a program and its arguments, as an array of strings',
    )
  }
  if (!Number.isInteger(processes) || processes < 2 || processes > MAX_PROCESSES) {
    throw new TypeError(`options.processes must be a whole number from 2 to ${MAX_PROCESSES}`)
  }
  if (!(timeoutMs > 0 && timeoutMs <= MAX_TIMEOUT_MS)) {
    throw new TypeError(
      `options.timeoutMs must be a number of milliseconds over 0, and at most ${MAX_TIMEOUT_MS}`,
    )
  }
  if (!Array.isArray(scenarios) || scenarios.length === 0) {
    throw new TypeError('options.scenarios must be an array of names, at least one')
  }
  const names: readonly string[] = SCENARIO_NAMES
  const unknown = scenarios.find((name) => !names.includes(name))
  if (unknown !== undefined) {
    throw new TypeError(
      `options.scenarios has ${JSON.stringify(unknown)}. There are: ${names.join(', ')}`,
    )
  }
}
