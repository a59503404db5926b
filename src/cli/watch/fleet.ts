import { readWatchLine, WATCHED, type WatchCounts } from '../../metrics/watch-line.js'

/** What one process does, a second. */
export interface ProcessRates {
  readonly process: string
  readonly rates: WatchCounts
  /** Whether it has spoken since the last look. */
  readonly isNew: boolean
}

interface Process {
  heardAtMs: number
  seconds: number
  counts: WatchCounts
  isNew: boolean
}

/** Anyone who may publish can invent processes. */
const MAX_PROCESSES = 1_000
/** After so long without a word a process is gone. */
const SILENCE_MS = 5_000

const NOTHING = Object.fromEntries(WATCHED.map((name) => [name, 0])) as WatchCounts

/** The processes whose lines are heard, in bounded memory. */
export class WatchedFleet {
  readonly #processes = new Map<string, Process>()

  /** Takes what was published; what is no line is left out, and so are further processes when there are too many. */
  hear(text: string, nowMs: number = performance.now()): void {
    const line = readWatchLine(text)
    if (line === null) return
    const known = this.#processes.get(line.process)
    if (known === undefined && this.#processes.size >= MAX_PROCESSES) return
    // Not shown yet: both are.
    const before = known?.isNew ? known : { seconds: 0, counts: NOTHING }
    this.#processes.set(line.process, {
      heardAtMs: nowMs,
      seconds: before.seconds + line.seconds,
      counts: combined((name) => before.counts[name] + line.counts[name]),
      isNew: true,
    })
  }

  /** What the processes do now, by name. */
  look(nowMs: number = performance.now()): ProcessRates[] {
    const all: ProcessRates[] = []
    for (const [process, state] of this.#processes) {
      if (nowMs - state.heardAtMs > SILENCE_MS) {
        this.#processes.delete(process)
        continue
      }
      const { seconds, counts, isNew } = state
      all.push({ process, rates: combined((name) => rounded(counts[name] / seconds)), isNew })
      state.isNew = false
    }
    return all.sort((one, other) => (one.process < other.process ? -1 : 1))
  }
}

/** What all of them do together. */
export function totalOf(all: readonly ProcessRates[]): WatchCounts {
  return combined((name) => rounded(all.reduce((sum, { rates }) => sum + rates[name], 0)))
}

function combined(countOf: (name: (typeof WATCHED)[number]) => number): WatchCounts {
  return Object.fromEntries(WATCHED.map((name) => [name, countOf(name)])) as WatchCounts
}

function rounded(rate: number): number {
  return rate >= 10 ? Math.round(rate) : Math.round(rate * 10) / 10
}
