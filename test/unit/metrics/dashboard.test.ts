import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { evaluate } from '../../../bench/dashboard/promql.mjs'
import { Families } from '../../../src/metrics/families.js'

interface Panel {
  id: number
  title: string
  targets: { expr: string; legendFormat: string }[]
}

const file = new URL('../../../examples/grafana/dashboard.json', import.meta.url)
const { panels } = JSON.parse(readFileSync(fileURLToPath(file), 'utf8')) as { panels: Panel[] }
const targets = panels.flatMap((panel) => panel.targets)

test('the dashboard asks for metrics that there are, by labels that they have', () => {
  const { durations, counters, gauges } = new Families()
  const names = [
    ...durations.flatMap(({ name }) => [`${name}_seconds_count`, `${name}_seconds_bucket`]),
    ...counters.map(({ name }) => `${name}_total`),
    ...gauges.map(({ name }) => name),
  ]
  const labels = new Map(counters.map(({ name, label }) => [`${name}_total`, label]))
  for (const { expr } of targets) {
    const [, name = ''] = /atxp_redis_(\w+)/.exec(expr) ?? []
    expect(names).toContain(name)
    const by = /by \((\w+)\)/.exec(expr)?.[1]
    const expected = name.startsWith('operation_duration')
      ? ['outcome', 'code', 'le']
      : [labels.get(name)]
    if (by !== undefined) expect(expected).toContain(by)
  }
})

test('all that is counted is on the dashboard', () => {
  const { counters, gauges, keyLimits } = new Families()
  const asked = targets.map(({ expr }) => expr).join()
  const names = [
    ...counters.map(({ name }) => `${name}_total`),
    ...gauges.filter((gauge) => gauge !== keyLimits).map(({ name }) => name),
  ]
  expect(names.filter((name) => !asked.includes(`atxp_redis_${name}`))).toEqual([])
})

test('its picture can be drawn: rates, sums and quantiles are those of Prometheus', () => {
  for (const { expr } of targets) expect(() => evaluate(expr, [], [], 1)).not.toThrow()
  const sample = (le: string, value: number) => ({ name: 'd_bucket', labels: { le }, value })
  const now = [sample('0.1', 50), sample('0.2', 90), sample('+Inf', 100)]
  const quantile = (fraction: number) =>
    evaluate(
      `histogram_quantile(${fraction}, sum by (le) (rate(d_bucket[$__rate_interval])))`,
      now,
      [],
      2,
    ).get('')
  expect(quantile(0.5)).toBeCloseTo(0.1)
  expect(quantile(0.7)).toBeCloseTo(0.15)
  expect(quantile(0.99)).toBeCloseTo(0.2)
  const counted = [
    { name: 'c', labels: { a: 'x' }, value: 8 },
    { name: 'c', labels: { a: 'y' }, value: 2 },
  ]
  expect([...evaluate('sum by (a) (rate(c[$__rate_interval]))', counted, [], 2)]).toEqual([
    ['x', 4],
    ['y', 1],
  ])
})
