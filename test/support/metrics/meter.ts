import {
  type Attributes,
  type BatchObservableCallback,
  createNoopMeter,
  type Histogram,
  type Meter,
  type Observable,
} from '@opentelemetry/api'

export interface Point {
  readonly name: string
  readonly attributes: Attributes
  readonly amount: number
}

/** A meter that keeps what it is told, as long as it is the one of the program. */
export class KeptMeter {
  readonly #recorded: Point[] = []
  readonly #names = new Map<Observable, string>()
  readonly #callbacks = new Set<BatchObservableCallback>()
  readonly meter: Meter

  constructor() {
    const observable = (name: string): Observable => {
      const one: Observable = { addCallback: () => {}, removeCallback: () => {} }
      this.#names.set(one, name)
      return one
    }
    const histogram = (name: string): Histogram => ({
      record: (amount, attributes = {}) => void this.#recorded.push({ name, attributes, amount }),
    })
    this.meter = Object.assign(Object.create(createNoopMeter()) as Meter, {
      createHistogram: histogram,
      createObservableCounter: observable,
      createObservableGauge: observable,
      addBatchObservableCallback: (one: BatchObservableCallback) => void this.#callbacks.add(one),
      removeBatchObservableCallback: (one: BatchObservableCallback) =>
        void this.#callbacks.delete(one),
    })
  }

  /** All that was recorded, and what is observed now. */
  async points(): Promise<Point[]> {
    const points = [...this.#recorded]
    for (const callback of this.#callbacks) {
      await callback({
        observe: (instrument, amount, attributes = {}) => {
          const name = this.#names.get(instrument as Observable) ?? ''
          points.push({ name, attributes, amount })
        },
      })
    }
    return points
  }
}
