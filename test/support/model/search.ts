import { permutationsOf } from './permutations.js'
import {
  initialState,
  isUp,
  type Model,
  type ProcessState,
  type State,
  type ViolationKind,
} from './state.js'
import { addSteps, type Next, Successors } from './steps.js'
import { addAnswer, addCommonFaults, addFaults, addTick } from './surroundings.js'

export interface Outcome {
  /** How many states were looked at. */
  readonly states: number
  readonly kind?: ViolationKind
  /** The steps that lead to the violation, the fewest that do. */
  readonly trace?: readonly string[]
}

/** Walks every state that can be reached, the nearest first. Ends at the first violation. */
export function search(model: Model, looksFor: readonly ViolationKind[]): Outcome {
  const keys = [keyOf(initialState(model))]
  const seen = new Set(keys)
  const parents = [-1]
  for (let index = 0; index < keys.length; index += 1) {
    const successors = successorsOf(model, stateOf(keys[index] as string))
    const kind = violationOf(successors)
    if (kind !== undefined && looksFor.includes(kind)) {
      const path: string[] = []
      for (let at = index; at > 0; at = parents[at] as number) path.push(keys[at] as string)
      return { states: keys.length, kind, trace: traceOf(model, path.reverse()) }
    }
    for (const { state } of successors.all) {
      const key = keyOf(state)
      if (seen.has(key)) continue
      seen.add(key)
      keys.push(key)
      parents.push(index)
    }
  }
  return { states: keys.length }
}

/** Whether every run ends: no state can be reached again from itself. */
export function endsAlways(model: Model): boolean {
  const followers = (key: string): string[] =>
    successorsOf(model, stateOf(key)).all.map(({ state }) => keyOf(state))
  const first = keyOf(initialState(model))
  const onPath = new Set([first])
  const done = new Set<string>()
  const path = [{ key: first, left: followers(first) }]
  for (let last = path.at(-1); last !== undefined; last = path.at(-1)) {
    const key = last.left.pop()
    if (key === undefined) {
      onPath.delete(last.key)
      done.add(last.key)
      path.pop()
    } else if (onPath.has(key)) {
      return false
    } else if (!done.has(key)) {
      onPath.add(key)
      path.push({ key, left: followers(key) })
    }
  }
  return true
}

/** Whatever can go on without waiting goes on before the clock does. */
function successorsOf(model: Model, state: State): Successors {
  const successors = new Successors(model, state)
  let isUrgent = false
  for (const index of state.processes.keys()) {
    if (addSteps(successors, index)) isUrgent = true
    addAnswer(successors, index)
    addFaults(successors, index)
  }
  addCommonFaults(successors)
  if (!isUrgent) addTick(successors)
  return successors
}

function violationOf({ violation, all, state }: Successors): ViolationKind | undefined {
  if (violation !== undefined) return violation.kind
  return all.length === 0 && state.processes.some(isUp) ? 'neverEnds' : undefined
}

/** Walked anew, with names that stay: in the keys processes change places. */
function traceOf(model: Model, path: readonly string[]): string[] {
  const trace: string[] = []
  let state = initialState(model)
  for (const key of path) {
    const next = successorsOf(model, state).all.find((one) => keyOf(one.state) === key) as Next
    trace.push(next.step)
    state = next.state
  }
  const { violation } = successorsOf(model, state)
  return violation === undefined ? trace : [...trace, violation.step]
}

// The key of a state is a character for each of its numbers.
const SHARED = 8
const OF_PROCESS = 9

/** Processes are alike: of states that differ only by who is who, one is looked at. */
function keyOf(state: State): string {
  let best = ''
  for (const order of ordersOf(state.processes.length)) {
    const key = keyInOrder(state, order)
    if (best === '' || key < best) best = key
  }
  return best
}

function keyInOrder(state: State, order: readonly number[]): string {
  const renamed = (owner: number): number => (owner === 0 ? 0 : order.indexOf(owner - 1) + 1)
  const numbers = [
    state.record,
    renamed(state.spender),
    renamed(state.leaseOwner),
    state.leaseLeft,
    renamed(state.markOwner),
    state.markLeft,
    state.markId,
    state.faultsLeft,
  ]
  for (const index of order) {
    const own = state.processes[index] as ProcessState
    numbers.push(own.phase, own.timer, own.held, own.answer)
    numbers.push(own.stalled, own.cut, own.awaited, own.out, own.closing)
  }
  return String.fromCharCode(...numbers)
}

function stateOf(key: string): State {
  const number = (index: number): number => key.charCodeAt(index)
  const processes: ProcessState[] = []
  for (let at = SHARED; at < key.length; at += OF_PROCESS) {
    processes.push({
      phase: number(at),
      timer: number(at + 1),
      held: number(at + 2),
      answer: number(at + 3),
      stalled: number(at + 4),
      cut: number(at + 5),
      awaited: number(at + 6),
      out: number(at + 7),
      closing: number(at + 8),
    })
  }
  return {
    record: number(0),
    spender: number(1),
    leaseOwner: number(2),
    leaseLeft: number(3),
    markOwner: number(4),
    markLeft: number(5),
    markId: number(6),
    faultsLeft: number(7),
    processes,
  }
}

const orders = new Map<number, number[][]>()

function ordersOf(processes: number): number[][] {
  let all = orders.get(processes)
  if (all === undefined) {
    all = permutationsOf([...Array(processes).keys()])
    orders.set(processes, all)
  }
  return all
}
