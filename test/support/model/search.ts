import {
  at,
  initial,
  LEASE_OWNER,
  MARK_OWNER,
  type Model,
  type Next,
  PHASE,
  phase,
  Run,
  SHARED,
  SPENDER,
  STRIDE,
  type State,
  type ViolationKind,
} from './refresh-model.js'

export interface Violation {
  readonly kind: ViolationKind
  /** The steps that lead there, the fewest that do. */
  readonly trace: readonly string[]
}

export interface Outcome {
  readonly states: number
  readonly violation: Violation | undefined
}

/** Processes are alike: of states that differ by who is who only one is looked at. */
function keyOf(state: State, model: Model): string {
  let best: string | undefined
  for (const order of ordersOf(model.processes)) {
    const renamed = state.slice(0, SHARED)
    for (const owner of [SPENDER, LEASE_OWNER, MARK_OWNER]) {
      const who = state[owner] as number
      if (who > 0) renamed[owner] = order.indexOf(who - 1) + 1
    }
    for (const process of order)
      for (let field = 0; field < STRIDE; field += 1)
        renamed.push(state[at(process, field)] as number)
    const key = String.fromCharCode(...renamed)
    if (best === undefined || key < best) best = key
  }
  return best as string
}

const orders = new Map<number, number[][]>()
function ordersOf(processes: number): number[][] {
  const known = orders.get(processes)
  if (known !== undefined) return known
  const all = permutations([...Array(processes).keys()])
  orders.set(processes, all)
  return all
}

function permutations(items: number[]): number[][] {
  if (items.length === 0) return [[]]
  return items.flatMap((item) =>
    permutations(items.filter((other) => other !== item)).map((rest) => [item, ...rest]),
  )
}

/** Walks every state that can be reached, the nearest first. Ends at the first violation. */
export function search(model: Model, looksFor: readonly ViolationKind[]): Outcome {
  const first = keyOf(initial(model), model)
  const seen = new Set<string>([first])
  const keys: string[] = [first]
  const parents: number[] = [-1]
  const run = new Run(model)
  for (let index = 0; index < keys.length; index += 1) {
    const state = stateOf(keys[index] as string)
    run.from(state)
    const { violation } = run
    if (violation !== undefined && looksFor.includes(violation.kind))
      return { states: keys.length, violation: { kind: violation.kind, trace: traceTo(index) } }
    if (run.next.length === 0 && !hasEnded(state, model) && looksFor.includes('neverEnds'))
      return { states: keys.length, violation: { kind: 'neverEnds', trace: traceTo(index) } }
    for (const { state: next } of run.next) {
      const key = keyOf(next, model)
      if (seen.has(key)) continue
      seen.add(key)
      keys.push(key)
      parents.push(index)
    }
  }
  return { states: keys.length, violation: undefined }

  /** Walked anew, with names that stay: in the keys processes change places. */
  function traceTo(index: number): string[] {
    const path: string[] = []
    for (let at = index; at > 0; at = parents[at] as number) path.push(keys[at] as string)
    const trace: string[] = []
    let state = initial(model)
    for (const key of path.reverse()) {
      run.from(state)
      const next = run.next.find((one) => keyOf(one.state, model) === key) as Next
      trace.push(next.step)
      state = next.state
    }
    run.from(state)
    if (run.violation !== undefined) trace.push(run.violation.step)
    return trace
  }
}

function stateOf(key: string): State {
  const state: State = new Array(key.length)
  for (let index = 0; index < key.length; index += 1) state[index] = key.charCodeAt(index)
  return state
}

function hasEnded(state: State, model: Model): boolean {
  return [...Array(model.processes).keys()].every((process) =>
    [phase.idle, phase.ended, phase.crashed].includes(state[at(process, PHASE)] as number),
  )
}

/** Whether every run ends: no state can be reached again from itself. */
export function endsAlways(model: Model): boolean {
  const run = new Run(model)
  const followers = (key: string): string[] => {
    run.from(stateOf(key))
    return run.next.map(({ state }) => keyOf(state, model))
  }
  const first = keyOf(initial(model), model)
  const onPath = new Set<string>()
  const done = new Set<string>()
  const path: { key: string; left: string[] }[] = []
  const enter = (key: string): void => {
    onPath.add(key)
    path.push({ key, left: followers(key) })
  }
  enter(first)
  for (let last = path.at(-1); last !== undefined; last = path.at(-1)) {
    const key = last.left.pop()
    if (key === undefined) {
      onPath.delete(last.key)
      done.add(last.key)
      path.pop()
    } else if (onPath.has(key)) {
      return false
    } else if (!done.has(key)) {
      enter(key)
    }
  }
  return true
}
