import { permutationsOf } from './permutations.js'
import {
  A_PAIR,
  A_REFUSAL,
  ANOTHER_LOGIN,
  isGone,
  isUp,
  type Model,
  NO_ANSWER,
  NOTHING,
  newProcess,
  numberOf,
  type Phase,
  type ProcessState,
  phaseOf,
  type State,
  THE_TOKEN,
} from './state.js'
import type { Successors } from './steps.js'

/** The authorization server acts upon a request that is under way, now or later, or never. */
export function addAnswer(successors: Successors, index: number): void {
  const { state } = successors
  const { phase, answer, timer } = state.processes[index] as ProcessState
  if (phase !== numberOf.awaitingAnswer || answer !== NO_ANSWER || timer === 0) return
  if (state.spender === 0) {
    successors.add(`the server renews the token for ${index}`, (next) => {
      next.spender = index + 1
      const own = next.processes[index] as ProcessState
      own.answer = A_PAIR
    })
    return
  }
  const step = `the server sees the spent token again, from ${index}`
  const spender = state.processes[state.spender - 1] as ProcessState
  if (!isGone(spender)) successors.violate('spentTokenSent', step)
  successors.add(step, (next) => {
    const own = next.processes[index] as ProcessState
    own.answer = A_REFUSAL
  })
}

/** Faults of one process, and their ends, which may come at any time. */
export function addFaults(successors: Successors, index: number): void {
  const { model, state } = successors
  const own = state.processes[index] as ProcessState
  const change = (step: string, to: (own: ProcessState, next: State) => void): void =>
    successors.add(`${index}: ${step}`, (next) => to(next.processes[index] as ProcessState, next))
  if (own.stalled > 0)
    change('goes on after a stall', (next) => {
      next.stalled = 0
    })
  if (own.cut > 0)
    change('reaches Redis again', (next) => {
      next.cut = 0
    })
  if (state.faultsLeft === 0 || !isUp(own)) return
  // Faults that follow each other without a pause are one.
  const leftOut = model.longestFault - own.out
  const begin = (step: string, to: (own: ProcessState) => void): void =>
    change(step, (next, all) => {
      all.faultsLeft -= 1
      to(next)
    })
  if (model.kinds.includes('crash'))
    begin('crashes', (next) => Object.assign(next, newProcess(), { phase: numberOf.crashed }))
  if (model.kinds.includes('close') && own.closing === 0)
    begin('closes', (next) => {
      next.closing = model.ticks.close
    })
  if (model.kinds.includes('stall') && leftOut > 0 && own.stalled === 0)
    begin('stalls', (next) => {
      next.stalled = leftOut
    })
  if (model.kinds.includes('partition') && leftOut > 0 && own.cut === 0)
    begin('loses Redis', (next) => {
      next.cut = leftOut
    })
}

/** What befalls all at once. */
export function addCommonFaults(successors: Successors): void {
  const { model, state } = successors
  if (state.faultsLeft === 0) return
  const begin = (step: string, change: (next: State) => void): void =>
    successors.add(step, (next) => {
      next.faultsLeft -= 1
      change(next)
    })
  if (model.kinds.includes('login') && state.record === THE_TOKEN)
    begin('somebody logs in anew', (next) => {
      next.record = ANOTHER_LOGIN
    })
  if (model.kinds.includes('delete') && state.record === THE_TOKEN)
    begin('somebody deletes the record', (next) => {
      next.record = NOTHING
    })
  if (model.kinds.includes('redisAway'))
    begin('Redis goes away', (next) => {
      for (const process of next.processes)
        if (!isGone(process)) process.cut = model.longestFault - process.out
    })
}

/** The clock goes on, unless nothing is left that time could change. Renewals of one tick come in any order. */
export function addTick(successors: Successors): void {
  const { model, state } = successors
  const isWaiting = state.leaseLeft > 0 || state.markLeft > 0 || state.processes.some(isUp)
  if (!isWaiting) return
  for (const [index, own] of state.processes.entries()) {
    if (own.closing === 1 && hasNewPair(own))
      successors.violate('pairLost', `${index}: gives up the new pair, since close has waited`)
  }
  const renewing = [...state.processes.keys()].filter((index) =>
    mayRenew(state.processes[index] as ProcessState),
  )
  for (const order of permutationsOf(renewing)) {
    const step = renewing.length > 1 ? `a tick; ${order.join(' then ')} renew` : 'a tick'
    successors.add(step, (next) => tick(next, order, model))
  }
}

function tick(next: State, renewing: readonly number[], model: Model): void {
  if (next.leaseLeft > 0) next.leaseLeft -= 1
  if (next.leaseLeft === 0) next.leaseOwner = 0
  if (next.markLeft > 0) next.markLeft -= 1
  if (next.markLeft === 0) next.markOwner = 0
  for (const own of next.processes) own.held = Math.max(0, own.held - 1)
  for (const index of renewing) {
    renew(next, next.processes[index] as ProcessState, index + 1, model)
  }
  for (const own of next.processes) {
    if (own.stalled > 0 || own.cut > 0) own.out += 1
    own.timer = Math.max(0, own.timer - 1)
    own.stalled = Math.max(0, own.stalled - 1)
    own.cut = Math.max(0, own.cut - 1)
    if (own.closing === 1 && isUp(own)) Object.assign(own, newProcess(), { phase: numberOf.closed })
    own.closing = Math.max(0, own.closing - 1)
  }
}

function hasNewPair(own: ProcessState): boolean {
  return phaseOf(own) === 'saving' || own.answer === A_PAIR
}

/** In these a process renews its lease, also once it has run out. */
const RENEWS: ReadonlySet<Phase> = new Set<Phase>([
  'marking',
  'waitingForMark',
  'checkingRecord',
  'sending',
  'awaitingAnswer',
  'saving',
  'clearing',
])

/** In these its own mark has been written. */
const MARKED: ReadonlySet<Phase> = new Set<Phase>([
  'checkingRecord',
  'sending',
  'awaitingAnswer',
  'saving',
  'clearing',
])

function mayRenew(own: ProcessState): boolean {
  return RENEWS.has(phaseOf(own)) && own.stalled === 0 && own.cut === 0
}

/**
 * Takes the lease back where nobody holds it, or where its own mark stands: then the holder only waits for that. A mark that is no
 * more is written again.
 */
function renew(next: State, own: ProcessState, me: number, { ticks, mutation }: Model): void {
  if (next.markOwner === 0 && MARKED.has(phaseOf(own)) && mutation !== 'noMark') {
    next.markOwner = me
    next.markLeft = ticks.request + ticks.rescue
  }
  const isTakenBack = next.markOwner === me && mutation !== 'noTakeBack'
  if (next.leaseOwner === 0 || next.leaseOwner === me || isTakenBack) {
    next.leaseOwner = me
    next.leaseLeft = ticks.lease
    own.held = ticks.lease
  } else {
    own.held = 0
  }
}
