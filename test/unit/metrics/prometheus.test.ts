import { expect, test } from 'vitest'
import { Families } from '../../../src/metrics/families.js'
import { textOf } from '../../../src/metrics/prometheus.js'

/** The samples of a family, without what stands before their labels. */
const samples = (families: Families, name: string): string[] =>
  textOf(families)
    .split('\n')
    .filter((line) => line.startsWith(`atxp_redis_${name}`))

test('counters stand at 0 from the beginning, for each known value of their label', () => {
  const families = new Families()
  expect(samples(families, 'cache_requests')).toEqual([
    'atxp_redis_cache_requests_total{result="hit"} 0',
    'atxp_redis_cache_requests_total{result="miss"} 0',
  ])
  expect(samples(families, 'rests_total')).toEqual(['atxp_redis_rests_total 0'])
  expect(samples(families, 'unsaved_pairs')).toEqual(['atxp_redis_unsaved_pairs 0'])
})

test('buckets add up, and the last has all', () => {
  const families = new Families()
  const { operations } = families
  const series = operations.begin('get', { method: 'get', outcome: 'done', code: '' })
  for (const ms of [0.5, 0.6, 7_000, 60_000]) operations.observe(series, ms)
  const labels = 'method="get",outcome="done",code=""'
  const lines = samples(families, 'operation_duration_seconds')
  expect(lines).toEqual(
    expect.arrayContaining([
      `atxp_redis_operation_duration_seconds_bucket{${labels},le="0.0005"} 1`,
      `atxp_redis_operation_duration_seconds_bucket{${labels},le="0.001"} 2`,
      `atxp_redis_operation_duration_seconds_bucket{${labels},le="5"} 2`,
      `atxp_redis_operation_duration_seconds_bucket{${labels},le="10"} 3`,
      `atxp_redis_operation_duration_seconds_bucket{${labels},le="+Inf"} 4`,
      `atxp_redis_operation_duration_seconds_sum{${labels}} 67.0011`,
      `atxp_redis_operation_duration_seconds_count{${labels}} 4`,
    ]),
  )
})

test('labels are escaped, and every family has its type and help before its samples', () => {
  const families = new Families()
  families.keySeals.add(2, 'a"b\\c\nd')
  expect(samples(families, 'encryption_key_seals_total')).toEqual([
    'atxp_redis_encryption_key_seals_total{key="a\\"b\\\\c\\nd"} 2',
  ])
  const text = textOf(families)
  expect(text.endsWith('\n')).toBe(true)
  const named = new Set<string>()
  for (const line of text.trimEnd().split('\n')) {
    const [, head, name = ''] = /^# (HELP|TYPE) (\S+) \S/.exec(line) ?? []
    if (head !== undefined) named.add(name)
    else {
      const [family = ''] = /^\w+/.exec(line) ?? []
      expect(named).toContain(family.replace(/(?<=seconds)_(bucket|sum|count)$/, ''))
      expect(line).toMatch(
        /^\w+(\{\w+="(?:[^"\\\n]|\\.)*"(,\w+="(?:[^"\\\n]|\\.)*")*\})? [\d.e+-]+$/,
      )
    }
  }
})
