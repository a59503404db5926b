import type { SessionEvent } from '../leaves/diagnostics.js'
import { Durations, Numbers } from './series.js'

/** By event, what it counts as. */
type Outcomes = Readonly<Partial<Record<SessionEvent['event'], string>>>

/** One kind of work of sessions: what it came to, and how long that took. */
export class Work {
  readonly count: Numbers
  readonly durations: Durations
  readonly #outcomes: Outcomes

  constructor(one: string, many: string, outcomes: Outcomes) {
    this.#outcomes = outcomes
    this.count = new Numbers(many, `What ${many} came to`, 'outcome', Object.values(outcomes))
    this.durations = new Durations(`${one}_duration`, `How long ${many} took`)
  }

  note({ event, durationMs }: SessionEvent): void {
    const outcome = this.#outcomes[event]
    if (outcome === undefined) return
    this.count.add(1, outcome)
    if (durationMs === undefined) return
    const { durations } = this
    const series = durations.get(outcome) ?? durations.begin(outcome, { outcome })
    durations.observe(series, durationMs)
  }
}
