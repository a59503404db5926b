/**
 * A refresh of one refresh token, as a small state machine: processes, the lease, the mark, the record, the authorization
 * server and the clock. Time is counted in ticks; a step takes none.
 *
 * The phases are those of `src/oauth/refresh/sending.ts`, by the same names, and what is before and after them.
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
  'closed',
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
  /** How long `close` waits. */
  readonly close: number
}

export const TICKS: Ticks = { lease: 2, markWait: 4, command: 1, request: 5, rescue: 8, close: 10 }

/** What a mutation leaves out of the protocol. */
export type Mutation =
  | 'noMark'
  | 'noMarkWait'
  /** A wait for one mark counts as a wait for any. */
  | 'anyMarkWait'
  | 'noRecheck'
  /** Who has marked does not take the lease back from who waits for that mark. */
  | 'noTakeBack'
  | 'noLeaseCheck'
  | 'noCompare'
  /** Who closes sends the token however little time is left. */
  | 'noLastSend'

/** `login` and `delete` are writes of others to the record. */
export type FaultKind = 'crash' | 'close' | 'stall' | 'partition' | 'redisAway' | 'login' | 'delete'

export type ViolationKind = 'spentTokenSent' | 'pairLost' | 'writeUndone' | 'neverEnds'

export interface Model {
  readonly processes: number
  readonly ticks: Ticks
  /** How many faults may happen in a run. */
  readonly faults: number
  readonly kinds: readonly FaultKind[]
  /** The longest time for which a process is out of reach, by stalls and partitions together, in ticks. */
  readonly longestFault: number
  readonly mutation?: Mutation
}

/** What the record holds. */
export const THE_TOKEN = 0
export const THE_NEW_PAIR = 1
export const NOTHING = 2
export const ANOTHER_LOGIN = 3

/** What the authorization server answered. */
export const NO_ANSWER = 0
export const A_PAIR = 1
export const A_REFUSAL = 2

/** Of one process. */
export interface ProcessState {
  phase: number
  /** Ticks until what it waits for is given up. */
  timer: number
  /** Ticks for which it believes to hold the lease. */
  held: number
  answer: number
  /** Ticks that a stall goes on. */
  stalled: number
  /** Ticks that a partition from Redis goes on. */
  cut: number
  /** The mark that it waits for, or has waited for; 0: none. */
  awaited: number
  /** Ticks that it was out of reach since it last reached Redis. */
  out: number
  /** Ticks until `close` gives up what is under way; 0: nobody has called it. */
  closing: number
}

export interface State {
  record: number
  /** 1 + the process that spent the token; 0: nobody. Owners likewise. */
  spender: number
  leaseOwner: number
  leaseLeft: number
  markOwner: number
  markLeft: number
  /** Tells one marking from the next. */
  markId: number
  faultsLeft: number
  processes: ProcessState[]
}

export const phaseOf = ({ phase }: ProcessState): Phase => PHASES[phase] as Phase

export const numberOf: Readonly<Record<Phase, number>> = Object.fromEntries(
  PHASES.map((name, index) => [name, index]),
) as Record<Phase, number>

export function initialState(model: Model): State {
  return {
    record: THE_TOKEN,
    spender: 0,
    leaseOwner: 0,
    leaseLeft: 0,
    markOwner: 0,
    markLeft: 0,
    markId: 0,
    faultsLeft: model.faults,
    processes: Array.from({ length: model.processes }, newProcess),
  }
}

export function newProcess(): ProcessState {
  return {
    phase: 0,
    timer: 0,
    held: 0,
    answer: 0,
    stalled: 0,
    cut: 0,
    awaited: 0,
    out: 0,
    closing: 0,
  }
}

export function copyOf(state: State): State {
  return { ...state, processes: state.processes.map((process) => ({ ...process })) }
}

export function isUp(process: ProcessState): boolean {
  return phaseOf(process) !== 'idle' && phaseOf(process) !== 'ended' && !isGone(process)
}

/** Whether it has crashed, or `close` has given up what was under way. */
export function isGone(process: ProcessState): boolean {
  return phaseOf(process) === 'crashed' || phaseOf(process) === 'closed'
}
