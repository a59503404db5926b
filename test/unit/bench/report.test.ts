import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ratioChart } from '../../../bench/report/ratio-chart.mjs'
import { speedOf } from '../../../bench/report/speed.mjs'
import { ratiosByCallers } from '../../../bench/report/tables.mjs'
import { replaceBetween } from '../../../bench/report/text.mjs'

const README = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8')
const CALLERS = ['one caller', ...[4, 8, 16, 64, 512].map((count) => `${count} callers`)]

/** Three rounds, in which the first is `times` the second. */
const rounds = (times: number) =>
  [90, 100, 110].map((rate) => ({ perSecond: rate * times, cpuMicros: 10 / times }))
const group = (title: string, x: number) => ({
  ...{ title, x, metrics: ['perSecond'] },
  results: {
    ours: rounds(2),
    'ours-text': rounds(3),
    'ours-encrypted': rounds(1),
    'ours-hot': rounds(1.5),
    upstream: rounds(1),
    'upstream-encrypted': rounds(0.5),
  },
})
const groups = ['reads', 'writes'].flatMap((operation) =>
  CALLERS.map((callers, x) => group(`${operation}, ${callers}`, x + 1)),
)
const results = {
  callers: { groups },
  throughput: { groups },
  sharing: { groups: [group('4 instances of 4', 4)] },
}

test("the README's numbers are those of the results", () => {
  expect(
    speedOf(results),
  ).toBe(`| Calls under way | \`getAccessToken\` | CPU each | \`saveAccessToken\` | CPU each |
| --- | ---: | ---: | ---: | ---: |
${[1, 4, 8, 16, 64, 512].map((callers) => `| ${callers} | 2.00 | 0.50 | 2.00 | 0.50 |`).join('\n')}

Four processes with 4 calls each, nine reads to one write: 2.00. The token API with 64 calls: reads 3.00, writes 3.00. Encrypted, compared with
the same implementation with encryption: reads 2.00, writes 2.00; without encryption: reads 1.00, of records that were read before 1.50.`)
})

test.each(['callers', 'throughput', 'sharing'])(
  'the README keeps what it says if a number is missing: of %s',
  (scenario) => {
    expect(speedOf({ ...results, [scenario]: undefined })).toBeUndefined()
    expect(speedOf({ ...results, [scenario]: { groups: [] } })).toBeUndefined()
  },
)

test('the README has the place for them', () => {
  expect(replaceBetween(README, 'speed', 'other')).toContain(
    '<!-- speed -->\nother\n<!-- end of speed -->',
  )
  expect(() => replaceBetween(README, 'nothing', '')).toThrow('There is no place for nothing')
})

test('a table has the numbers of callers that were measured with every operation', () => {
  const answer = { operations: ['reads', 'writes'], names: ['ours'], baseline: 'upstream' }
  expect(ratiosByCallers({ ...answer, callers: [1, 2, 4] }, groups)).toEqual([
    ["times upstream's way", 'one caller', '4 callers'],
    ['reads: this library', '2.00', '2.00'],
    ['writes: this library', '2.00', '2.00'],
  ])
})

test('a plot of ratios has a line for each series, and their last values in its legend', () => {
  const series = ['reads', 'writes'].map((operation) => ({
    name: operation,
    groups: groups.map(({ title }) => title).filter((title) => title.startsWith(operation)),
  }))
  const chart = { title: 'Ratios', xTitle: 'callers', metric: 'perSecond' }
  const drawn = ratioChart({ ...chart, series, of: 'ours', over: 'upstream' }, groups)
  expect(drawn.match(/<polyline/g)).toHaveLength(2)
  expect(drawn).toContain('>reads: 2<')
  expect(drawn).toContain('>writes: 2<')
})
