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
  /** A read that the near cache answered. */
  isFromMemory?: boolean
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
  /** The keys of all that is wrong or older. */
  keys: Set<string>
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

/** Who did what, and what came of it. */
export function wordsOf({ process, op, number, outcome, code, isFromMemory }: Call): string {
  const where = isFromMemory ? ' from memory' : ''
  const what = outcome === 'ok' ? '' : ` (${code ?? outcome})`
  return `process ${process}: ${op} ${number}${where}${what}`
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
