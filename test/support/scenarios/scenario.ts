import type { Fleet } from '../fleet/fleet.js'
import type { Outcome } from '../fleet/worker.mjs'

/** Exactly this many, or anything from the first to the second. */
export type Expectation = number | readonly [least: number, most: number]

export interface ScenarioResult {
  expected: Record<string, Expectation>
  /** Everything that was counted, what is expected and more. */
  observed: Record<string, number>
  /** What calls failed with, to read when an expectation does not hold. */
  failures: string[]
}

export interface Scenario {
  name: string
  run(fleet: Fleet): Promise<ScenarioResult>
}

/** All processes meet an expired access token at once, and go on calling. */
export function meetExpiry(fleet: Fleet, callsEach: number): Promise<Outcome> {
  fleet.expireAccessTokens()
  fleet.authorizationServer.gatherMetadataRequests(fleet.workers.length)
  return fleet.callAll({ perProcess: callsEach })
}

/** What was counted, together with what the calls of the scenario came to. */
export class Observation {
  #ok = 0
  #failed = 0
  #slowestMs = 0
  #failures: string[] = []
  #notes: Record<string, number> = {}

  add({ ok, failed, failures, slowestMs }: Outcome): void {
    this.#ok += ok
    this.#failed += failed
    this.#slowestMs = Math.max(this.#slowestMs, slowestMs)
    this.#failures.push(
      ...failures.map(({ name, code, message }) => `${name} ${code ?? ''}: ${message}`),
    )
  }

  note(name: string, value: number): void {
    this.#notes[name] = value
  }

  against(fleet: Fleet, expected: Record<string, Expectation>): ScenarioResult {
    const outputs = fleet.workers.map((worker) => worker.output)
    const observed = {
      ...fleet.counters(),
      ...this.#notes,
      callsOk: this.#ok,
      callsFailed: this.#failed,
      slowestMs: Math.round(this.#slowestMs),
      leakedSecrets: countSecrets([...this.#failures, ...outputs]),
    }
    const failures = [...new Set(this.#failures)]
    return { expected: { ...expected, leakedSecrets: 0 }, observed, failures }
  }
}

/** One line for each expectation that does not hold. */
export function violations({ expected, observed }: ScenarioResult): string[] {
  return Object.entries(expected).flatMap(([name, expectation]) => {
    const value = observed[name] ?? Number.NaN
    const [least, most] = typeof expectation === 'number' ? [expectation, expectation] : expectation
    return value >= least && value <= most ? [] : [`${name}: ${value}, not ${least}..${most}`]
  })
}

/** Every secret of the test authorization server holds `-secret-` and a number. */
function countSecrets(texts: string[]): number {
  return texts.join('\n').match(/-secret-\d/g)?.length ?? 0
}
