import { count } from '../../scripts/terminal.mjs'

const MEGABYTE = 1_000_000

/** What is measured, by the name that results call it. */
const METRICS = {
  ratio: { title: 'times' },
  perSecond: { title: 'a second' },
  meanMicros: { title: 'mean, µs' },
  p50Micros: { title: 'p50, µs' },
  p99Micros: { title: 'p99, µs' },
  cpuMicros: { title: 'CPU each, µs' },
  serverMicros: { title: "Redis' CPU each, µs" },
  serverBytes: { title: "Redis' memory, MB", divisor: MEGABYTE },
  nanos: { title: 'each, ns' },
  seconds: { title: 'seconds' },
  ms: { title: 'ms' },
  p50Ms: { title: 'p50, ms' },
  p99Ms: { title: 'p99, ms' },
  maxMs: { title: 'slowest, ms' },
  addedMs: { title: 'added to bare Node, ms' },
  addedBytes: { title: 'added memory, MB', divisor: MEGABYTE },
  peakBytes: { title: 'peak memory, MB', divisor: MEGABYTE },
  bytes: { title: 'bytes' },
  valueBytes: { title: 'of these the value' },
  othersP50Ms: { title: "others' p50, ms" },
  othersP99Ms: { title: "others' p99, ms" },
  othersMaxMs: { title: "others' slowest, ms" },
  stale: { title: 'stale reads afterwards' },
}

export function titleOfMetric(metric) {
  return METRICS[metric].title
}

/** In the unit that the title names. */
export function scaled(metric, value) {
  return value / (METRICS[metric].divisor ?? 1)
}

/** Three digits that count. */
export function format(number) {
  if (!Number.isFinite(number)) return '–'
  if (Math.abs(number) >= 1000) {
    const unit = 10 ** (Math.floor(Math.log10(Math.abs(number))) - 2)
    return count(Math.round(number / unit) * unit)
  }
  if (Math.abs(number) >= 100) return number.toFixed(0)
  if (Math.abs(number) >= 10) return number.toFixed(1)
  return number.toFixed(2)
}

/** For the axis of a plot: no more digits than it needs. */
export function formatTick(number) {
  const [divisor, unit] =
    number >= 1_000_000 ? [1_000_000, ' M'] : number >= 1000 ? [1000, ' k'] : [1, '']
  return `${Number((number / divisor).toPrecision(3))}${unit}`
}

export function formatRange({ min, max }) {
  return format(min) === format(max) ? '' : `${format(min)}–${format(max)}`
}

/** Median, and in brackets the smallest and the largest where they differ. */
export function formatSummary(summary) {
  const range = formatRange(summary)
  return range === '' ? format(summary.median) : `${format(summary.median)} (${range})`
}
