import {
  A_PAIR,
  A_REFUSAL,
  copyOf,
  type Model,
  NO_ANSWER,
  NOTHING,
  numberOf,
  type Phase,
  type ProcessState,
  phaseOf,
  type State,
  THE_NEW_PAIR,
  THE_TOKEN,
  type ViolationKind,
} from './state.js'

export interface Next {
  readonly state: State
  readonly step: string
}

export interface Violation {
  readonly kind: ViolationKind
  readonly step: string
}

/** Gathers what may follow a state. */
export class Successors {
  readonly model: Model
  readonly state: State
  readonly all: Next[] = []
  violation: Violation | undefined

  constructor(model: Model, state: State) {
    this.model = model
    this.state = state
  }

  add(step: string, change: (next: State) => void): void {
    const state = copyOf(this.state)
    change(state)
    this.all.push({ state, step })
  }

  violate(kind: ViolationKind, step: string): void {
    this.violation ??= { kind, step }
  }
}

// More marks than are made in one run.
const MARK_IDS = 12

/** In these a step is a command to Redis. */
const ASKS_REDIS: ReadonlySet<Phase> = new Set<Phase>([
  'waitingForLease',
  'marking',
  'waitingForMark',
  'checkingRecord',
  'saving',
  'clearing',
])

/** One process, and what it may do next. */
class Step {
  readonly #successors: Successors
  readonly #index: number
  readonly me: number
  readonly own: ProcessState

  constructor(successors: Successors, index: number) {
    this.#successors = successors
    this.#index = index
    this.me = index + 1
    this.own = successors.state.processes[index] as ProcessState
  }

  get model(): Model {
    return this.#successors.model
  }

  get state(): State {
    return this.#successors.state
  }

  get isCut(): boolean {
    return this.own.cut > 0
  }

  /** Whether the lease is another's. */
  get isOthersLease(): boolean {
    return this.state.leaseOwner !== 0 && this.state.leaseOwner !== this.me
  }

  get isOthersMark(): boolean {
    return this.state.markOwner !== 0 && this.state.markOwner !== this.me
  }

  go(step: string, to: Phase, change: (next: State, own: ProcessState) => void = () => {}): true {
    const reachesRedis = !this.isCut && ASKS_REDIS.has(phaseOf(this.own))
    this.#successors.add(`${this.#index}: ${step}`, (next) => {
      const own = next.processes[this.#index] as ProcessState
      own.phase = numberOf[to]
      own.timer = 0
      if (reachesRedis) own.out = 0
      change(next, own)
    })
    return true
  }

  fail(step: string): true {
    return this.go(`${step}: no answer from Redis`, 'failing', (_, own) => {
      own.timer = this.model.ticks.command
    })
  }

  violate(kind: ViolationKind, step: string): void {
    this.#successors.violate(kind, `${this.#index}: ${step}`)
  }

  takeLease(next: State, own: ProcessState): void {
    next.leaseOwner = this.me
    next.leaseLeft = this.model.ticks.lease
    own.held = this.model.ticks.lease
  }

  mark(next: State): void {
    const { request, rescue } = this.model.ticks
    next.markOwner = this.me
    next.markLeft = request + rescue
    next.markId = (next.markId % MARK_IDS) + 1
  }

  clearMark(next: State): void {
    if (next.markOwner !== this.me) return
    next.markOwner = 0
    next.markLeft = 0
  }
}

/** What a process does next in each phase. Returns whether there was something that need not wait. */
const STEPS: Readonly<Record<Phase, (step: Step) => boolean>> = {
  idle(step) {
    // May begin at any time, so it never holds up the clock.
    if (step.isCut) return false
    if (step.state.record === THE_TOKEN) step.go('reads the token', 'waitingForLease')
    else step.go('reads what stands there now', 'ended')
    return false
  },

  waitingForLease(step) {
    if (step.isCut) return step.fail('asks for the lease')
    if (step.state.record !== THE_TOKEN) return step.go('finds a changed record', 'ended')
    if (step.isOthersLease) return false
    return step.go('takes the lease', 'marking', (next, own) => step.takeLease(next, own))
  },

  marking(step) {
    const { mutation } = step.model
    if (step.isCut) return failToMark(step)
    if (mutation === 'noMark') return step.go('goes on', 'checkingRecord')
    if (step.isOthersLease && mutation !== 'noLeaseCheck') return loseLease(step)
    if (step.isOthersMark && !hasAwaited(step))
      return step.go("finds another's mark", 'waitingForMark', (next, own) => {
        step.takeLease(next, own)
        own.timer = step.model.ticks.markWait
        own.awaited = next.markId
      })
    return step.go('marks the token as sent', 'checkingRecord', (next, own) => {
      step.takeLease(next, own)
      step.mark(next)
    })
  },

  waitingForMark(step) {
    if (step.isCut) return step.fail('looks at the mark')
    if (step.state.record !== THE_TOKEN) return step.go('finds a changed record', 'clearing')
    if (step.own.held <= 0 && step.model.mutation !== 'noLeaseCheck') return loseLease(step)
    if (step.state.markOwner === 0) return step.go('finds the mark cleared', 'marking')
    if (step.state.markId !== step.own.awaited) return step.go('finds another mark', 'marking')
    return step.own.timer === 0 && step.go('has waited for the mark', 'marking')
  },

  checkingRecord(step) {
    if (step.isCut) return step.fail('reads the record')
    if (step.state.record !== THE_TOKEN && step.model.mutation !== 'noRecheck')
      return step.go('finds a changed record', 'clearing')
    return step.go('finds the token', 'sending')
  },

  sending(step) {
    if (step.own.held <= 0 && step.model.mutation !== 'noLeaseCheck')
      return step.go('sees that the lease may have run out', 'marking')
    return step.go('sends the token', 'awaitingAnswer', (_, own) => {
      own.timer = step.model.ticks.request
      own.awaited = 0
    })
  },

  awaitingAnswer(step) {
    if (step.own.answer === A_PAIR)
      return step.go('has the new pair', 'saving', (_, own) => {
        own.timer = step.model.ticks.rescue
        own.answer = NO_ANSWER
      })
    if (step.own.answer === A_REFUSAL)
      return step.go('is refused', 'clearing', (next, own) => {
        own.answer = NO_ANSWER
        if (!step.isCut && next.record === THE_TOKEN) next.record = NOTHING
      })
    return step.own.timer === 0 && step.go('has no answer in time', 'clearing')
  },

  saving(step) {
    const isUnchanged = step.state.record === THE_TOKEN
    if (step.isCut) {
      if (step.own.timer > 0) return false
      step.violate('pairLost', 'gives up the new pair')
      return step.go('gives up the new pair', 'clearing')
    }
    if (!isUnchanged && step.model.mutation !== 'noCompare')
      return step.go('finds a changed record', 'clearing')
    if (!isUnchanged) step.violate('writeUndone', 'saves over what others wrote')
    return step.go('saves the new pair', 'clearing', (next) => {
      next.record = THE_NEW_PAIR
    })
  },

  clearing(step) {
    if (step.isCut) return step.fail('clears the mark')
    return step.go('clears the mark and gives the lease back', 'ended', (next, own) => {
      own.held = 0
      own.awaited = 0
      step.clearMark(next)
      if (next.leaseOwner !== step.me) return
      next.leaseOwner = 0
      next.leaseLeft = 0
    })
  },

  failing(step) {
    if (step.own.timer > 0) return false
    return step.go('fails', 'ended', (_, own) => {
      own.held = 0
      own.awaited = 0
    })
  },

  ended: () => false,
  closed: () => false,
  crashed: () => false,
}

/** In these it has the lease and has sent nothing. */
const BEFORE_SENDING: ReadonlySet<Phase> = new Set<Phase>([
  'marking',
  'waitingForMark',
  'checkingRecord',
  'sending',
])

/** Who would have to save the new pair in less time than an outage may last sends nothing any more. */
function isTooLate({ own, model }: Step): boolean {
  if (own.closing === 0 || model.mutation === 'noLastSend') return false
  return own.closing <= model.ticks.markWait && BEFORE_SENDING.has(phaseOf(own))
}

/** What it has waited for counts for nothing: the owner of that mark may have been there meanwhile. */
function loseLease(step: Step): true {
  return step.go('has lost the lease', 'waitingForLease', (next, own) => {
    own.held = 0
    own.awaited = 0
    step.clearMark(next)
  })
}

function hasAwaited({ model, own, state }: Step): boolean {
  if (model.mutation === 'noMarkWait') return true
  if (model.mutation === 'anyMarkWait') return own.awaited > 0
  return own.awaited === state.markId
}

/** Cut before the script ran, or before its reply. */
function failToMark(step: Step): true {
  if (step.model.mutation !== 'noMark')
    step.go('marks; the reply is lost', 'failing', (next, own) => {
      own.timer = step.model.ticks.command
      if (!step.isOthersLease && !step.isOthersMark) step.mark(next)
    })
  return step.fail('marks')
}

/** Adds what the process does next. Whether that need not wait: then it comes before the clock goes on. */
export function addSteps(successors: Successors, index: number): boolean {
  const step = new Step(successors, index)
  if (step.own.stalled > 0) return false
  if (isTooLate(step)) return step.go('sends nothing, since it closes', 'clearing')
  return STEPS[phaseOf(step.own)](step)
}
