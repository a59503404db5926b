// As much of PromQL as the dashboard uses, over samples of one process.

const SAMPLE = /^(\w+)(?:\{(.*)\})? (\S+)$/
const LABEL = /(\w+)="([^"]*)"/g
const RATE = 'rate\\((\\w+)(?:\\{(.*?)\\})?\\[\\$__rate_interval\\]\\)'
const FORMS = [
  [
    new RegExp(`^sum by \\((\\w+)\\) \\(${RATE}\\)$`),
    (read, [by, name, wanted]) => read.rates(name, wanted, by),
  ],
  [new RegExp(`^sum\\(${RATE}\\)$`), (read, [name, wanted]) => read.rates(name, wanted)],
  [/^sum\((\w+)\)$/, (read, [name]) => read.values(name)],
  [
    new RegExp(`^histogram_quantile\\(([\\d.]+), sum by \\(le\\) \\(${RATE}\\)\\)$`),
    (read, [fraction, name, wanted]) => quantile(Number(fraction), read.rates(name, wanted, 'le')),
  ],
]

const labelsIn = (text = '') =>
  Object.fromEntries([...text.matchAll(LABEL)].map(([, name, value]) => [name, value]))

/** Of Prometheus' text: each sample's name, labels and value. */
export function parse(text) {
  return text.split('\n').flatMap((line) => {
    const [, name, labels, value] = SAMPLE.exec(line) ?? []
    return name === undefined ? [] : [{ name, labels: labelsIn(labels), value: Number(value) }]
  })
}

/**
 * @param expression - of a panel
 * @param now - samples, and `before` those of a while ago
 * @returns numbers by the value of the label that is summed by, '' where there is none
 */
export function evaluate(expression, now, before, seconds) {
  const sums = (samples, name, wanted, by) => {
    const selected = Object.entries(labelsIn(wanted))
    const found = new Map()
    for (const sample of samples) {
      if (sample.name !== name) continue
      if (selected.some(([label, value]) => sample.labels[label] !== value)) continue
      const group = by === undefined ? '' : (sample.labels[by] ?? '')
      found.set(group, (found.get(group) ?? 0) + sample.value)
    }
    return found
  }
  const read = {
    values: (name) => sums(now, name),
    rates: (name, wanted, by) => {
      const earlier = sums(before, name, wanted, by)
      const rates = [...sums(now, name, wanted, by)]
      return new Map(
        rates.map(([group, value]) => [group, (value - (earlier.get(group) ?? 0)) / seconds]),
      )
    },
  }
  for (const [form, take] of FORMS) {
    const match = form.exec(expression)
    if (match !== null) return take(read, match.slice(1))
  }
  throw new Error(`no form of PromQL that is known here: ${expression}`)
}

/** Within a bucket linear, as Prometheus does. */
function quantile(fraction, buckets) {
  const sorted = [...buckets]
    .map(([bound, count]) => [bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound), count])
    .sort(([one], [other]) => one - other)
  const all = sorted.at(-1)?.[1] ?? 0
  if (all === 0) return new Map()
  const wanted = fraction * all
  let [low, below] = [0, 0]
  for (const [bound, count] of sorted) {
    if (count >= wanted) {
      const within = count === below ? 1 : (wanted - below) / (count - below)
      return new Map([
        ['', bound === Number.POSITIVE_INFINITY ? low : low + (bound - low) * within],
      ])
    }
    low = bound
    below = count
  }
  return new Map()
}
