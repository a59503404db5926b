/** One call of a process under load. Times are on one clock for all processes. */
export interface Call {
  process: number
  key: string
  op: 'store' | 'delete' | 'read'
  /** What was written, or read; null: nothing was there. A key has one writer, whose numbers grow, deletions included. */
  number: number | null
  from: number
  to: number
  /** `refused`: it failed and changed nothing; `wrong`: it read what nobody has written. */
  outcome: 'ok' | 'unknown' | 'refused' | 'wrong'
  code?: string
  /** What a deletion said. */
  removed?: boolean
}

/** PKCE values that were saved and then read twice, as far as it came. */
export interface Login {
  from: number
  to: number
  found: ('it' | 'nothing' | 'other')[]
}

/** Work under a lease that all processes want. */
export interface Turn {
  process: number
  from: number
  to: number
}

/** What a history shows that ought not to be, in words for a person. */
export interface Findings {
  /** A value that was never there: of nobody, of a write that was refused, or of the future; an untrue answer. */
  wrong: string[]
  /** A value older than one that had been acknowledged, or read, before the call began. */
  older: string[]
  /** Acknowledged writes that such reads show to be gone. */
  lost: Set<string>
}

export interface CheckOptions {
  /** The last moment at which an acknowledged write may be lost; left out, none may. */
  lossyUntil?: number | undefined
  /** The last moment at which a write may be lost that was read, but never acknowledged. */
  unconfirmedUntil?: number | undefined
  /** Whether a write of unknown outcome may happen after later ones: its bytes were held on the way. */
  mayBeLate?: boolean | undefined
  /** How much later than others, in milliseconds, a process that reads from its own memory may hear of changes. */
  staleMs?: ((process: number) => number) | undefined
}

/**
 * Holds a history against what a register with one writer may do: a read returns the last write that was acknowledged
 * before it began, or a later one that had begun before it ended, and never less than a read that had ended before it.
 */
export function checkCalls(calls: readonly Call[], options: CheckOptions = {}): Findings {
  const findings: Findings = { wrong: [], older: [], lost: new Set() }
  const byKey = new Map<string, Call[]>()
  for (const call of calls) {
    const ofKey = byKey.get(call.key)
    if (ofKey === undefined) byKey.set(call.key, [call])
    else ofKey.push(call)
  }
  for (const [key, ofKey] of byKey) {
    const reads = ofKey.filter(({ op }) => op === 'read').sort((a, b) => a.to - b.to)
    const writes = ofKey.filter(({ op }) => op !== 'read').sort((a, b) => a.from - b.from)
    const register = new Register(key, writes, findings, options)
    for (const read of reads) register.check(read)
    checkDeletions(key, writes, findings, options)
  }
  return findings
}

/** By a certain time a write is known to have happened. */
interface Evidence {
  at: number
  number: number
  process: number
  isRead: boolean
}

/** A key, and which of its writes are known to have happened by when. */
class Register {
  readonly #key: string
  readonly #writes: readonly Call[]
  readonly #findings: Findings
  readonly #options: CheckOptions
  readonly #evidence: Evidence[]

  constructor(key: string, writes: readonly Call[], findings: Findings, options: CheckOptions) {
    this.#key = key
    this.#writes = writes
    this.#findings = findings
    this.#options = options
    this.#evidence = writes
      .filter(({ outcome }) => outcome === 'ok')
      .map(({ to, number, process }) => ({
        at: to,
        number: number ?? 0,
        process,
        isRead: false,
      }))
  }

  /** Reads come in the order of their ends. */
  check(read: Call): void {
    if (read.outcome === 'wrong') this.#findings.wrong.push(`${this.#key}: text that nobody wrote`)
    if (read.outcome !== 'ok') return
    const known = this.#evidence.filter((each) => this.#isKnown(each, read))
    const floor = highest(known)
    const number = this.#writeSeen(read, floor)
    if (number === undefined) {
      const why = this.#numbered(read.number)?.outcome ?? 'nobody has made'
      this.#findings.wrong.push(`${this.#key}: read write ${read.number}, which is ${why}`)
      return
    }
    this.#evidence.push({ at: read.to, number, process: read.process, isRead: true })
    const isLate = this.#options.mayBeLate && this.#numbered(number)?.outcome === 'unknown'
    if (number >= floor || isLate) return
    this.#noteLosses(number, floor)
    const binding = highest(known.filter((each) => this.#isBinding(each)))
    if (number < binding) {
      this.#findings.older.push(`${this.#key}: read ${read.number} after ${binding}`)
    }
  }

  #isKnown({ at, process }: Evidence, read: Call): boolean {
    const staleMs = process === read.process ? 0 : (this.#options.staleMs?.(read.process) ?? 0)
    return at + staleMs < read.from
  }

  /** Whether a write must not be lost any more. */
  #isBinding({ at, isRead }: Evidence): boolean {
    const { lossyUntil = Number.NEGATIVE_INFINITY, unconfirmedUntil = Number.NEGATIVE_INFINITY } =
      this.#options
    return at > lossyUntil && (!isRead || at > unconfirmedUntil)
  }

  /** Which write a read shows, 0 being the time before the first. Of several deletions, the one that fits best. */
  #writeSeen(read: Call, floor: number): number | undefined {
    const numbers = this.#writes
      .filter(({ outcome, from }) => outcome !== 'refused' && from < read.to)
      .filter(({ op, number }) => (read.number === null ? op === 'delete' : number === read.number))
      .map(({ number }) => number ?? 0)
    if (read.number === null) numbers.unshift(0)
    return numbers.find((number) => number >= floor) ?? numbers.at(-1)
  }

  #numbered(number: number | null): Call | undefined {
    return this.#writes.find((write) => write.number === number)
  }

  #noteLosses(seen: number, floor: number): void {
    for (const { number, outcome } of this.#writes) {
      const isBetween = number !== null && number > seen && number <= floor
      if (isBetween && outcome === 'ok') this.#findings.lost.add(`${this.#key}#${number}`)
    }
  }
}

function highest(evidence: readonly Evidence[]): number {
  return evidence.reduce((best, { number }) => Math.max(best, number), 0)
}

/** A deletion's answer is true exactly if there was something. */
function checkDeletions(
  key: string,
  writes: readonly Call[],
  findings: Findings,
  options: CheckOptions,
): void {
  const { mayBeLate = false, lossyUntil = Number.NEGATIVE_INFINITY } = options
  const uncertainUntil = Math.max(lossyUntil, options.unconfirmedUntil ?? lossyUntil)
  let isThere: boolean | undefined = false
  let isCertain = true
  for (const { op, number, from, outcome, removed } of writes) {
    if (outcome === 'refused') continue
    if (op === 'delete' && outcome === 'ok' && isThere !== undefined && removed !== isThere) {
      findings.wrong.push(`${key}: deletion ${number} said ${removed}`)
    }
    // Nothing is certain any more behind a write that may happen whenever it likes.
    if (mayBeLate && outcome === 'unknown') isCertain = false
    isThere = isCertain && outcome === 'ok' && from > uncertainUntil ? op === 'store' : undefined
  }
}

/** Values that were saved are found by the first read and by no other. */
export function checkLogins(
  logins: readonly Login[],
  { lossyUntil = Number.NEGATIVE_INFINITY }: CheckOptions = {},
): string[] {
  const wrong: string[] = []
  for (const { from, found } of logins) {
    const [first, second] = found
    const isLost = first === 'nothing' && from > lossyUntil
    if (isLost || first === 'other' || second === 'it' || second === 'other') {
      wrong.push(`PKCE values were found as ${found.join(', then ')}`)
    }
  }
  return wrong
}

/** Two processes that were at the same work at the same time. */
export function overlapsOf(turns: readonly Turn[]): string[] {
  const inOrder = [...turns].sort((a, b) => a.from - b.from)
  return inOrder.flatMap((turn, i) => {
    const next = inOrder[i + 1]
    return next !== undefined && next.from < turn.to
      ? [`processes ${turn.process} and ${next.process} for ${Math.round(turn.to - next.from)} ms`]
      : []
  })
}
