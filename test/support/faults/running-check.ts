import { type Call, type CheckOptions, type Findings, wordsOf } from './history.js'

/** Holds a whole history against what {@link RunningCheck} allows. */
export function checkCalls(calls: readonly Call[], options: CheckOptions = {}): Findings {
  const check = new RunningCheck(options)
  check.add(calls)
  check.advance(Number.POSITIVE_INFINITY)
  return check.findings
}

/**
 * Holds a history, as it comes, against what a register with one writer may do: a read returns the last write that was
 * acknowledged before it began, or a later one that had begun before it ended, and never less than a read that had ended
 * before it.
 */
export class RunningCheck {
  readonly findings: Findings = { wrong: [], older: [], lost: new Set(), keys: new Set() }
  readonly #options: CheckOptions
  readonly #registers = new Map<string, Register>()
  #pending: Call[] = []

  constructor(options: CheckOptions = {}) {
    this.#options = options
  }

  add(calls: readonly Call[]): void {
    for (const call of calls) {
      this.#registerOf(call.key).expect(call)
      this.#pending.push(call)
    }
  }

  /** Checks what ended by then. Every call that began by then must have been added. */
  advance(until: number): void {
    const due = this.#pending.filter(({ to }) => to <= until).sort((a, b) => a.to - b.to)
    this.#pending = this.#pending.filter(({ to }) => to > until)
    for (const call of due) this.#registerOf(call.key).check(call)
  }

  /** Forgets what no call that ends after that time can be held against any more. */
  forget(before: number): void {
    for (const register of this.#registers.values()) register.forget(before)
  }

  #registerOf(key: string): Register {
    let register = this.#registers.get(key)
    if (register === undefined) {
      register = new Register(key, this.findings, this.#options)
      this.#registers.set(key, register)
    }
    return register
  }
}

interface Step {
  number: number
  /** What showed it, by its end. */
  call: Call
}

/** Steps up in time: by when which number was reached. */
class Staircase {
  #steps: Step[] = []

  /** In the order of time. */
  note(call: Call, number: number): void {
    if (number > (this.#steps.at(-1)?.number ?? 0)) this.#steps.push({ number, call })
  }

  /** The step that was reached before that time. */
  before(time: number): Step | undefined {
    return this.#steps[this.#countBefore(time) - 1]
  }

  forget(before: number): void {
    this.#steps = this.#steps.slice(Math.max(this.#countBefore(before) - 1, 0))
  }

  #countBefore(time: number): number {
    let [low, high] = [0, this.#steps.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#steps[middle]?.call.to ?? 0) < time) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** By when which write was known to have happened: to all, and to the process itself. */
class Evidence {
  readonly #all = new Staircase()
  readonly #own = new Map<number, Staircase>()
  readonly #staleMs: (process: number) => number

  constructor(staleMs: (process: number) => number) {
    this.#staleMs = staleMs
  }

  note(call: Call, number: number): void {
    this.#all.note(call, number)
    let own = this.#own.get(call.process)
    if (own === undefined) {
      own = new Staircase()
      this.#own.set(call.process, own)
    }
    own.note(call, number)
  }

  /** The least that a read may show; undefined: anything. */
  floorOf({ from, process }: Call): Step | undefined {
    const own = this.#own.get(process)?.before(from)
    const all = this.#all.before(from - this.#staleMs(process))
    return (own?.number ?? 0) > (all?.number ?? 0) ? own : all
  }

  reachedBy(time: number): number {
    return this.#all.before(time)?.number ?? 0
  }

  forget(before: number): void {
    this.#all.forget(before)
    for (const own of this.#own.values()) own.forget(before)
  }
}

class Register {
  readonly #key: string
  readonly #findings: Findings
  readonly #options: CheckOptions
  readonly #staleMs: (process: number) => number
  readonly #writes = new Map<number, Call>()
  /** The numbers of those that delete, in order. */
  #deletions: number[] = []
  /** All that is known, and what of it must not be lost. */
  readonly #known: Evidence
  readonly #binding: Evidence
  /** What the next deletion must find; undefined: that cannot be said. */
  #isThere: boolean | undefined = false
  #isCertain = true

  constructor(key: string, findings: Findings, options: CheckOptions) {
    this.#key = key
    this.#findings = findings
    this.#options = options
    const { staleMs = () => 0 } = options
    this.#staleMs = staleMs
    this.#known = new Evidence(staleMs)
    this.#binding = new Evidence(staleMs)
  }

  expect(call: Call): void {
    if (call.op === 'read') return
    this.#writes.set(call.number ?? 0, call)
    if (call.op === 'delete' && call.outcome !== 'refused') this.#deletions.push(call.number ?? 0)
  }

  /** In the order of the ends of the calls. */
  check(call: Call): void {
    if (call.op === 'read') this.#checkRead(call)
    else this.#checkWrite(call)
  }

  forget(before: number): void {
    const reached = this.#known.reachedBy(before)
    this.#known.forget(before)
    this.#binding.forget(before)
    for (const [number, { to, outcome }] of this.#writes) {
      // One of unknown outcome may happen whenever it likes.
      if (number < reached && to < before && outcome !== 'unknown') this.#writes.delete(number)
    }
    this.#deletions = this.#deletions.filter((number) => this.#writes.has(number))
  }

  #checkRead(read: Call): void {
    if (read.outcome === 'wrong') this.#tell('wrong', 'text that nobody wrote')
    if (read.outcome !== 'ok') return
    const floor = this.#known.floorOf(read)?.number ?? 0
    const number = this.#writeSeen(read, floor)
    if (number === undefined) {
      const why = this.#writes.get(read.number ?? 0)?.outcome ?? 'not made yet'
      this.#tell('wrong', `read write ${read.number}, which is ${why}`)
      return
    }
    // Held against what was known before itself.
    const binding = this.#binding.floorOf(read)
    this.#note(read, number)
    const isLate = this.#options.mayBeLate && this.#writes.get(number)?.outcome === 'unknown'
    if (number >= floor || isLate) return
    this.#noteLosses(number, floor)
    if (binding !== undefined && number < binding.number) {
      const laterMs = Math.round(read.from - binding.call.to)
      this.#tell('older', `${wordsOf(read)}, ${laterMs} ms after ${wordsOf(binding.call)}`)
    }
  }

  #tell(kind: 'wrong' | 'older', words: string): void {
    this.#findings[kind].push(`${this.#key}: ${words}`)
    this.#findings.keys.add(this.#key)
  }

  #note(call: Call, number: number): void {
    const { lossyUntil, unconfirmedUntil } = this.#options
    this.#known.note(call, number)
    // The earliest moment of which it speaks: what was there then, and not at its end, may be lost.
    const speaksOf = call.from - (call.isFromMemory ? this.#staleMs(call.process) : 0)
    const isLossy = lossyUntil !== undefined && speaksOf <= lossyUntil
    const isUnconfirmed =
      call.op === 'read' && unconfirmedUntil !== undefined && speaksOf <= unconfirmedUntil
    if (!isLossy && !isUnconfirmed) this.#binding.note(call, number)
  }

  /** Which write a read shows, 0 being the time before the first. Of several deletions, the one that fits best. */
  #writeSeen({ number, to }: Call, floor: number): number | undefined {
    if (number !== null) {
      const write = this.#writes.get(number)
      const isPossible = write?.op === 'store' && write.outcome !== 'refused' && write.from < to
      return isPossible ? number : undefined
    }
    const begun = (deletion: number): boolean => (this.#writes.get(deletion)?.from ?? 0) < to
    const fitting = [0, ...this.#deletions].find((one) => one >= floor && begun(one))
    return fitting ?? this.#deletions.filter(begun).at(-1) ?? 0
  }

  #noteLosses(seen: number, floor: number): void {
    for (let number = seen + 1; number <= floor; number += 1) {
      if (this.#writes.get(number)?.outcome === 'ok')
        this.#findings.lost.add(`${this.#key}#${number}`)
    }
  }

  #checkWrite(write: Call): void {
    const { op, number, from, outcome, removed } = write
    if (outcome === 'refused') return
    // A deletion's answer is true exactly if there was something.
    if (op === 'delete' && outcome === 'ok' && this.#isThere === !removed) {
      this.#tell('wrong', `deletion ${number} said ${removed}`)
    }
    const { mayBeLate, lossyUntil, unconfirmedUntil } = this.#options
    // Nothing is certain any more behind a write that may happen whenever it likes.
    if (mayBeLate && outcome === 'unknown') this.#isCertain = false
    const uncertainUntil = Math.max(lossyUntil ?? from - 1, unconfirmedUntil ?? from - 1)
    const isKnown = this.#isCertain && outcome === 'ok' && from > uncertainUntil
    this.#isThere = isKnown ? op === 'store' : undefined
    if (outcome === 'ok') this.#note(write, number ?? 0)
  }
}
