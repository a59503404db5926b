import type { Families } from './families.js'
import { BOUNDS, type DurationSeries, type Durations, type Labels, type Numbers } from './series.js'

const PREFIX = 'atxp_redis_'

/** In the text format of Prometheus, version 0.0.4. */
export function textOf({ durations, counters, gauges }: Families): string {
  const lines = [
    ...durations.flatMap(histogram),
    ...counters.flatMap((one) => numbers(`${one.name}_total`, 'counter', one)),
    ...gauges.flatMap((one) => numbers(one.name, 'gauge', one)),
  ]
  return `${lines.join('\n')}\n`
}

function histogram(durations: Durations): string[] {
  const name = `${PREFIX}${durations.name}_seconds`
  const series = [...durations.all()].flatMap((one) => bucketsOf(name, one))
  return [...head(name, durations.help, 'histogram'), ...series]
}

function bucketsOf(name: string, { labels, counts, seconds }: DurationSeries): string[] {
  const text = labelsIn(labels)
  let total = 0
  const buckets = counts.map((count, at) => {
    total += count
    return `${name}_bucket{${text},le="${BOUNDS[at] ?? '+Inf'}"} ${total}`
  })
  return [...buckets, `${name}_sum{${text}} ${seconds}`, `${name}_count{${text}} ${total}`]
}

function numbers(name: string, type: string, family: Numbers): string[] {
  const { label, help } = family
  const samples = [...family.entries()].map(([value, amount]) => {
    const labels = label === undefined ? '' : `{${labelsIn({ [label]: value })}}`
    return `${PREFIX}${name}${labels} ${amount}`
  })
  return [...head(PREFIX + name, help, type), ...samples]
}

function head(name: string, help: string, type: string): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`]
}

function labelsIn(labels: Labels): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escaped(value)}"`)
    .join(',')
}

function escaped(value: string): string {
  return value.replace(/[\\"\n]/g, (character) => (character === '\n' ? '\\n' : `\\${character}`))
}
