import { Window } from '../../store/bulk/window.js'
import type { Outcome, RefusalReason } from './put.js'

/** Enough to fill a wire of 10 ms with 100,000 records a second, and few enough to hold in memory. */
const MAX_UNDER_WAY = 1_000

export interface ImportResult {
  /** Records written. */
  readonly added: number
  /** Records that were there already, and stand as they were. */
  readonly kept: number
  /** What was left out; see `onRefused`. */
  readonly refused: number
}

/** Counts what becomes of records, many of which are under way at a time. */
export class Intake {
  readonly #window = new Window(MAX_UNDER_WAY)
  readonly #onRefused: ((position: number, why: RefusalReason) => void) | undefined
  /** Positions that are not settled, or have failed, in their order. */
  readonly #open = new Set<number>()
  readonly #counts = { added: 0, kept: 0, refused: 0 }
  readonly #failed = new AbortController()
  #position = 0
  #failure: { readonly error: unknown } | undefined

  constructor(onRefused: ((position: number, why: RefusalReason) => void) | undefined) {
    this.#onRefused = onRefused
  }

  /** Aborts at the first failure. */
  get failed(): AbortSignal {
    return this.#failed.signal
  }

  get counts(): ImportResult {
    return { ...this.#counts }
  }

  /** All positions up to this one are settled. */
  get settled(): number {
    const [first] = this.#open
    return first === undefined ? this.#position : first - 1
  }

  /**
   * @param position - greater than those before; resolves once there is room for another
   * @param work - what becomes of the records there
   */
  take(
    position: number,
    work: Promise<Outcome | readonly Outcome[]> | Outcome,
  ): Promise<void> | undefined {
    this.pass(position)
    this.#open.add(position)
    this.#window.add(this.#count(position, work))
    return this.#window.isFull ? this.#window.hasRoom() : undefined
  }

  /** A position at which there is nothing to do. */
  pass(position: number): void {
    this.#position = position
  }

  /** Waits for what is under way. @throws the first failure */
  async end(): Promise<void> {
    await this.#window.isEmpty()
    if (this.#failure !== undefined) throw this.#failure.error
  }

  async #count(
    position: number,
    work: Promise<Outcome | readonly Outcome[]> | Outcome,
  ): Promise<void> {
    try {
      for (const outcome of [await work].flat()) {
        if (outcome === 'added' || outcome === 'kept') {
          this.#counts[outcome] += 1
        } else {
          this.#counts.refused += 1
          this.#onRefused?.(position, outcome)
        }
      }
      this.#open.delete(position)
    } catch (error) {
      this.#failure ??= { error }
      this.#failed.abort()
    }
  }
}
