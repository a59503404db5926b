/**
 * The refresh of one refresh token, as a small state machine: processes, the lease, the mark, the record, the authorization
 * server and the clock. `search.ts` walks every interleaving of its steps and of faults. Time is counted in ticks; a step takes
 * none. Whatever can go on without waiting goes on before the clock does, so only faults and waits take time.
 *
 * The phases are those of `src/oauth/refresh.ts`, by the same names.
 */
export const PHASES = [
  'idle',
  'waitingForLease',
  'marking',
  'waitingForMark',
  'checkingRecord',
  'sending',
  'awaitingAnswer',
  'saving',
  'clearing',
  'failing',
  'ended',
  'crashed',
] as const
export type Phase = (typeof PHASES)[number]

/** Durations in ticks, in the proportions of the real ones. */
export interface Ticks {
  readonly lease: number
  readonly markWait: number
  readonly command: number
  readonly request: number
  readonly rescue: number
}

export const TICKS: Ticks = { lease: 2, markWait: 4, command: 1, request: 2, rescue: 8 }

/** What a mutation leaves out of the protocol. */
export type Mutation =
  | 'noMark'
  | 'noCompare'
  | 'noRecheck'
  | 'noLeaseCheck'
  | 'noMarkWait'
  | 'anyMarkWait'

export interface Model {
  readonly processes: number
  readonly ticks: Ticks
  /** How many faults may happen in a run. */
  readonly faults: number
  readonly kinds: readonly FaultKind[]
  /** The longest stall or partition, in ticks. */
  readonly longestFault: number
  readonly mutation?: Mutation
}

export type FaultKind = 'crash' | 'stall' | 'partition' | 'redisAway' | 'login' | 'delete'

export type ViolationKind = 'spentTokenSent' | 'pairLost' | 'writeUndone' | 'neverEnds'

// A state is a string of small numbers. The shared part first, then one stretch for each process.
const RECORD = 0 // 0: the token that is refreshed; 1: the new pair; 2: removed; 3: another login
export const SPENDER = 1 // 0: nobody; else 1 + the process that spent the token
export const LEASE_OWNER = 2 // 0: nobody
const LEASE_LEFT = 3
export const MARK_OWNER = 4
const MARK_LEFT = 5
const MARK_ID = 6 // tells one marking from the next
const FAULTS_LEFT = 7
export const SHARED = 8
// Of a process.
export const PHASE = 0
const TIMER = 1
const HELD = 2 // ticks for which it believes to hold the lease
const ANSWER = 3 // 0: none; 1: a new pair; 2: refused
const STALLED = 4
const CUT = 5 // partitioned from Redis for so many ticks
const AWAITED = 6 // the mark that it waits for, or has waited for; 0: none
const OUT = 7 // ticks that it was out of reach since it last reached Redis
export const STRIDE = 8

/** More than are made in one run. */
const MARK_IDS = 12

/** In these a step is a command to Redis. */
const ASKS_REDIS: ReadonlySet<Phase> = new Set([
  'waitingForLease',
  'marking',
  'waitingForMark',
  'checkingRecord',
  'saving',
  'clearing',
])

export const phase = Object.fromEntries(PHASES.map((name, index) => [name, index])) as Record<
  Phase,
  number
>

export type State = number[]
export interface Next {
  readonly state: State
  readonly step: string
}

export const at = (process: number, field: number): number => SHARED + process * STRIDE + field

export function initial(model: Model): State {
  const state: State = new Array(SHARED + model.processes * STRIDE).fill(0)
  state[FAULTS_LEFT] = model.faults
  return state
}

/** All that may follow a state. */
export class Run {
  readonly #model: Model
  readonly next: Next[] = []
  violation: { kind: ViolationKind; step: string } | undefined

  constructor(model: Model) {
    this.#model = model
  }

  /** All that may follow a state; what violates a promise stands in `violation`. */
  from(state: State): void {
    this.next.length = 0
    this.violation = undefined
    let isUrgent = false
    for (let process = 0; process < this.#model.processes; process += 1) {
      if (this.#step(state, process)) isUrgent = true
      this.#answer(state, process)
    }
    this.#faults(state)
    if (!isUrgent) this.#tick(state)
  }

  #emit(state: State, step: string, change: (next: State) => void): void {
    const next = state.slice()
    change(next)
    this.next.push({ state: next, step })
  }

  /** What the process does next, if it need not wait. Whether there was something. */
  #step(state: State, process: number): boolean {
    const { ticks, mutation } = this.#model
    const get = (field: number): number => state[at(process, field)] as number
    const name = PHASES[get(PHASE)] as Phase
    if (get(STALLED) > 0 || name === 'ended' || name === 'crashed') return false
    const me = process + 1
    const isCut = get(CUT) > 0
    const go = (step: string, to: Phase, change: (next: State) => void = () => {}): true => {
      this.#emit(state, `${process}: ${step}`, (next) => {
        next[at(process, PHASE)] = phase[to]
        next[at(process, TIMER)] = 0
        if (!isCut && ASKS_REDIS.has(name)) next[at(process, OUT)] = 0
        change(next)
      })
      return true
    }
    const fail = (step: string): true =>
      go(`${step}: no answer from Redis`, 'failing', (next) => {
        next[at(process, TIMER)] = ticks.command
      })
    const holdLease = (next: State): void => {
      next[LEASE_OWNER] = me
      next[LEASE_LEFT] = ticks.lease
      next[at(process, HELD)] = ticks.lease
    }
    const mark = (next: State): void => {
      next[MARK_OWNER] = me
      next[MARK_LEFT] = ticks.request + ticks.rescue
      next[MARK_ID] = ((next[MARK_ID] as number) % MARK_IDS) + 1
    }
    switch (name) {
      case 'idle':
        // May begin at any time, so this does not hold up the clock.
        if (isCut) return false
        if (state[RECORD] === 0) go('reads the token', 'waitingForLease')
        else go('reads the new pair', 'ended')
        return false
      case 'waitingForLease':
        if (isCut) return fail('asks for the lease')
        if (state[RECORD] !== 0) return go('finds the new pair', 'ended')
        if (state[LEASE_OWNER] === 0 || state[LEASE_OWNER] === me)
          return go('takes the lease', 'marking', holdLease)
        return false
      case 'marking': {
        if (isCut) {
          // Cut before the script ran, or before its reply.
          if (mutation !== 'noMark') {
            go('marks; the reply is lost', 'failing', (next) => {
              next[at(process, TIMER)] = ticks.command
              if (next[LEASE_OWNER] !== 0 && next[LEASE_OWNER] !== me) return
              if (next[MARK_OWNER] !== 0 && next[MARK_OWNER] !== me) return
              mark(next)
            })
          }
          return fail('marks')
        }
        if (mutation === 'noMark') return go('goes on', 'checkingRecord')
        if (state[LEASE_OWNER] !== 0 && state[LEASE_OWNER] !== me && mutation !== 'noLeaseCheck')
          return go('has lost the lease', 'waitingForLease', (next) => {
            next[at(process, HELD)] = 0
            next[at(process, AWAITED)] = 0
            if (next[MARK_OWNER] === me) next[MARK_OWNER] = next[MARK_LEFT] = 0
          })
        const isForeign = state[MARK_OWNER] !== 0 && state[MARK_OWNER] !== me
        const wasAwaited =
          mutation === 'anyMarkWait' ? get(AWAITED) > 0 : get(AWAITED) === state[MARK_ID]
        if (isForeign && !wasAwaited && mutation !== 'noMarkWait')
          return go("finds another's mark", 'waitingForMark', (next) => {
            holdLease(next)
            next[at(process, TIMER)] = ticks.markWait
            next[at(process, AWAITED)] = next[MARK_ID] as number
          })
        return go('marks the token as sent', 'checkingRecord', (next) => {
          holdLease(next)
          mark(next)
        })
      }
      case 'waitingForMark':
        if (isCut) return fail('looks at the mark')
        if (state[RECORD] !== 0) return go('finds the new pair', 'clearing')
        if (state[MARK_OWNER] === 0) return go('finds the mark cleared', 'marking')
        if (state[MARK_ID] !== get(AWAITED)) return go('finds another mark', 'marking')
        if (get(TIMER) === 0) return go('has waited for the mark', 'marking')
        return false
      case 'checkingRecord':
        if (isCut) return fail('reads the record')
        if (state[RECORD] !== 0 && mutation !== 'noRecheck')
          return go('finds the new pair', 'clearing')
        return go('finds the token', 'sending')
      case 'sending':
        if (get(HELD) <= 0 && mutation !== 'noLeaseCheck')
          return go('sees that the lease may have run out', 'marking')
        return go('sends the token', 'awaitingAnswer', (next) => {
          next[at(process, TIMER)] = ticks.request
          next[at(process, AWAITED)] = 0
        })
      case 'awaitingAnswer':
        if (get(ANSWER) === 1)
          return go('has the new pair', 'saving', (next) => {
            next[at(process, TIMER)] = ticks.rescue
            next[at(process, ANSWER)] = 0
          })
        if (get(ANSWER) === 2)
          return go('is refused', 'clearing', (next) => {
            next[at(process, ANSWER)] = 0
            if (!isCut && next[RECORD] === 0) next[RECORD] = 2
          })
        if (get(TIMER) === 0) return go('has no answer in time', 'clearing')
        return false
      case 'saving':
        if (!isCut) {
          if (mutation === 'noCompare' && state[RECORD] !== 0)
            this.violation ??= {
              kind: 'writeUndone',
              step: `${process}: saves over what others wrote`,
            }
          if (state[RECORD] === 0 || mutation === 'noCompare')
            return go('saves the new pair', 'clearing', (next) => {
              next[RECORD] = 1
            })
          // Only somebody who sent the spent token can have changed it.
          return go('finds that the record has changed', 'clearing')
        }
        if (get(TIMER) > 0) return false
        this.violation ??= { kind: 'pairLost', step: `${process}: gives up the new pair` }
        return go('gives up the new pair', 'clearing')
      case 'clearing':
        if (isCut) return fail('clears the mark')
        return go('clears the mark and gives the lease back', 'ended', (next) => {
          next[at(process, HELD)] = 0
          next[at(process, AWAITED)] = 0
          if (next[MARK_OWNER] === me) next[MARK_OWNER] = next[MARK_LEFT] = 0
          if (next[LEASE_OWNER] === me) next[LEASE_OWNER] = next[LEASE_LEFT] = 0
        })
      case 'failing':
        if (get(TIMER) > 0) return false
        return go('fails', 'ended', (next) => {
          next[at(process, HELD)] = 0
          next[at(process, AWAITED)] = 0
        })
    }
  }

  /** The authorization server acts upon a request that is under way, now or later, or never. */
  #answer(state: State, process: number): void {
    const get = (field: number): number => state[at(process, field)] as number
    if (get(PHASE) !== phase.awaitingAnswer || get(ANSWER) !== 0 || get(TIMER) === 0) return
    const spender = state[SPENDER] as number
    if (spender === 0) {
      this.#emit(state, `the server renews the token for ${process}`, (next) => {
        next[SPENDER] = process + 1
        next[at(process, ANSWER)] = 1
      })
      return
    }
    const step = `the server sees the spent token again, from ${process}`
    if (state[at(spender - 1, PHASE)] !== phase.crashed)
      this.violation ??= { kind: 'spentTokenSent', step }
    this.#emit(state, step, (next) => {
      next[at(process, ANSWER)] = 2
    })
  }

  #faults(state: State): void {
    const { kinds, longestFault, processes } = this.#model
    const left = state[FAULTS_LEFT] as number
    const spend = (next: State): void => {
      next[FAULTS_LEFT] = left - 1
    }
    for (let process = 0; process < processes; process += 1) {
      const now = state[at(process, PHASE)] as number
      const isUp = now !== phase.crashed && now !== phase.ended && now !== phase.idle
      // A fault may end before its longest time.
      for (const [field, what] of [
        [STALLED, 'goes on after a stall'],
        [CUT, 'reaches Redis again'],
      ] as const) {
        if ((state[at(process, field)] as number) > 0)
          this.#emit(state, `${process}: ${what}`, (next) => {
            next[at(process, field)] = 0
          })
      }
      if (left === 0 || !isUp) continue
      // Faults that follow each other without a pause are one.
      const leftOut = longestFault - (state[at(process, OUT)] as number)
      if (kinds.includes('crash'))
        this.#emit(state, `${process}: crashes`, (next) => {
          spend(next)
          for (let field = 0; field < STRIDE; field += 1) next[at(process, field)] = 0
          next[at(process, PHASE)] = phase.crashed
        })
      if (kinds.includes('stall') && leftOut > 0 && (state[at(process, STALLED)] as number) === 0)
        this.#emit(state, `${process}: stalls`, (next) => {
          spend(next)
          next[at(process, STALLED)] = leftOut
        })
      if (kinds.includes('partition') && leftOut > 0 && (state[at(process, CUT)] as number) === 0)
        this.#emit(state, `${process}: loses Redis`, (next) => {
          spend(next)
          next[at(process, CUT)] = leftOut
        })
    }
    if (left > 0 && state[RECORD] === 0) {
      for (const [kind, record] of [
        ['login', 3],
        ['delete', 2],
      ] as const) {
        if (!kinds.includes(kind)) continue
        this.#emit(state, `somebody: ${kind}`, (next) => {
          spend(next)
          next[RECORD] = record
        })
      }
    }
    if (left > 0 && kinds.includes('redisAway'))
      this.#emit(state, 'Redis goes away', (next) => {
        spend(next)
        for (let process = 0; process < processes; process += 1)
          if (next[at(process, PHASE)] !== phase.crashed)
            next[at(process, CUT)] = longestFault - (next[at(process, OUT)] as number)
      })
  }

  #tick(state: State): void {
    const { processes, ticks } = this.#model
    const isOver = (value: number): boolean => value <= 0
    let isAnythingLeft = (state[LEASE_LEFT] as number) > 0 || (state[MARK_LEFT] as number) > 0
    for (let process = 0; process < processes; process += 1) {
      const now = state[at(process, PHASE)] as number
      if (now !== phase.idle && now !== phase.ended && now !== phase.crashed) isAnythingLeft = true
    }
    if (!isAnythingLeft) return
    this.#emit(state, 'a tick', (next) => {
      for (const [owner, left] of [
        [LEASE_OWNER, LEASE_LEFT],
        [MARK_OWNER, MARK_LEFT],
      ] as const) {
        if (next[owner] === 0) continue
        next[left] = (next[left] as number) - 1
        if (isOver(next[left] as number)) next[owner] = next[left] = 0
      }
      for (let process = 0; process < processes; process += 1) {
        const isRenewing =
          (next[at(process, HELD)] as number) > 0 &&
          next[at(process, STALLED)] === 0 &&
          next[at(process, CUT)] === 0
        const me = process + 1
        if (isRenewing && (next[LEASE_OWNER] === 0 || next[LEASE_OWNER] === me)) {
          next[LEASE_OWNER] = me
          next[LEASE_LEFT] = next[at(process, HELD)] = ticks.lease
        } else if (isRenewing) {
          next[at(process, HELD)] = 0
        } else {
          next[at(process, HELD)] = Math.max(0, (next[at(process, HELD)] as number) - 1)
        }
        const isOut = next[at(process, STALLED)] !== 0 || next[at(process, CUT)] !== 0
        if (isOut) next[at(process, OUT)] = (next[at(process, OUT)] as number) + 1
        for (const field of [TIMER, STALLED, CUT])
          next[at(process, field)] = Math.max(0, (next[at(process, field)] as number) - 1)
      }
    })
  }
}
