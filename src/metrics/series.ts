/** Numbers of one name, told apart by one label or by none. They stand at 0 until something happens, so that a rate can be had. */
export class Numbers {
  readonly name: string
  readonly help: string
  readonly label: string | undefined
  readonly #values = new Map<string, number>()

  /** @param known - values of the label that stand at 0 from the beginning */
  constructor(name: string, help: string, label?: string, known: readonly string[] = []) {
    this.name = name
    this.help = help
    this.label = label
    for (const value of label === undefined ? [''] : known) this.#values.set(value, 0)
  }

  add(amount = 1, value = ''): void {
    this.#values.set(value, this.get(value) + amount)
  }

  set(amount: number, value = ''): void {
    this.#values.set(value, amount)
  }

  get(value = ''): number {
    return this.#values.get(value) ?? 0
  }

  entries(): Iterable<[value: string, amount: number]> {
    return this.#values
  }
}

/** Upper bounds of the buckets, in seconds: from an answer of a Redis nearby to the time-outs. */
export const BOUNDS: readonly number[] = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
]

export type Labels = Readonly<Record<string, string>>

/** Durations with the same labels. */
export class DurationSeries {
  readonly labels: Labels
  /** Of each bucket alone; the last is for what is longer than all bounds. */
  readonly counts: number[] = Array.from({ length: BOUNDS.length + 1 }, () => 0)
  seconds = 0

  constructor(labels: Labels) {
    this.labels = labels
  }

  observe(seconds: number): void {
    let bucket = 0
    while (bucket < BOUNDS.length && seconds > (BOUNDS[bucket] as number)) bucket += 1
    this.counts[bucket] = (this.counts[bucket] as number) + 1
    this.seconds += seconds
  }
}

/** Durations of one name. */
export class Durations {
  readonly name: string
  readonly help: string
  /** Told of each. */
  listener: ((seconds: number, labels: Labels) => void) | undefined
  readonly #series = new Map<string, DurationSeries>()

  constructor(name: string, help: string) {
    this.name = name
    this.help = help
  }

  /** @param key - one for each set of labels */
  get(key: string): DurationSeries | undefined {
    return this.#series.get(key)
  }

  begin(key: string, labels: Labels): DurationSeries {
    const series = new DurationSeries(labels)
    this.#series.set(key, series)
    return series
  }

  observe(series: DurationSeries, durationMs: number): void {
    const seconds = durationMs / 1_000
    series.observe(seconds)
    this.listener?.(seconds, series.labels)
  }

  all(): Iterable<DurationSeries> {
    return this.#series.values()
  }
}
