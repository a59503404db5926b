import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { runClosedLoop } from '../../../bench/load/closed-loop.mjs'
import { missedOf, replaceGroups } from '../../../bench/report/missed.mjs'
import { ratioChart } from '../../../bench/report/ratio-chart.mjs'
import { speedOf } from '../../../bench/report/speed.mjs'
import { judge, ratiosByCallers, rowOfTarget } from '../../../bench/report/tables.mjs'
import { replaceBetween } from '../../../bench/report/text.mjs'
import { Session } from '../../../bench/session.mjs'

const README = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8')
const CALLERS = ['one caller', ...[4, 8, 16, 64, 512].map((count) => `${count} callers`)]

/** Three rounds, in which the first is `times` the second. */
const rounds = (times: number) =>
  [90, 100, 110].map((rate) => ({ perSecond: rate * times, cpuMicros: 10 / times }))
const group = (title: string, x: number) => ({
  ...{ title, x, metrics: ['perSecond'] },
  results: {
    ours: rounds(2),
    'ours-coordinated': rounds(1.8),
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

With a coordinated \`fetch\`, \`getAccessToken\` has 1.80, 1.80, 1.80, 1.80 at 4, 8, 16, 64 calls. Four processes with 4 calls each,
nine reads to one write: 2.00. The token API with 64 calls: reads 3.00, writes 3.00. Encrypted, compared with
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

/** Rounds whose p99 is so many microseconds. */
const tails = (...micros: number[]) => micros.map((p99Micros) => ({ p99Micros }))
const TAIL = { group: 'tail', of: 'ours', over: 'upstream', again: 'again', metric: 'p99Micros' }
const verdictOf = (ours: number, again: number) => {
  const measured = {
    ours: tails(ours, ours, ours),
    upstream: tails(100, 100, 100),
    again: tails(again, again, again),
  }
  const group = { title: 'tail', metrics: ['p99Micros'], results: measured }
  return judge([{ ...TAIL, atMost: 1.15 }], [group])[0]
}

test.each([
  ['less than the target', 115, 300, true, undefined],
  ['more than the target, and the published way does not differ from itself', 116, 100, false],
  [
    'more than the target, but less than the published way differs from itself',
    120,
    125,
    true,
    1.25,
  ],
  ['the same where the second process is the faster one', 120, 80, true, 1.25],
  ['more than both', 126, 125, false],
])('a slowest call is judged: %s', (_, ours, again, isReached, scatter?: number) => {
  expect(verdictOf(ours, again)).toMatchObject({ isReached, rounds: 3 })
  expect(verdictOf(ours, again)?.scatter).toBe(scatter)
  expect(rowOfTarget(verdictOf(ours, again)).at(-1)).toBe(
    !isReached
      ? '**not reached**: no cause found'
      : scatter === undefined
        ? 'reached'
        : 'reached: the scatter is 1.25',
  )
})

test('what fell short is measured once more, and then counts, better or worse', () => {
  const targets = ['one', 'two', 'three'].map((title) => ({
    ...{ group: title, of: 'ours', over: 'upstream', atLeast: 0.97 },
  }))
  const rated = (title: string, times: number) => ({
    ...{ title, metrics: ['perSecond'] },
    results: { ours: rounds(times), upstream: rounds(1) },
  })
  const first = { groups: [rated('one', 0.9), rated('two', 0.8), rated('three', 1)] }
  expect(missedOf(targets, first.groups)).toEqual(['one', 'two'])
  const again = { rounds: 21, seconds: 0.3, commit: 'abc' }
  const then = replaceGroups(first, [rated('one', 1), rated('two', 0.7)], again)
  expect(judge(targets, then.groups).map(({ measured }) => measured.median)).toEqual([1, 0.7, 1])
  expect(then.groups.map((group: { again?: object }) => group.again)).toEqual([
    again,
    again,
    undefined,
  ])
  expect(missedOf(targets, then.groups)).toEqual([])
})

test('nothing fell short of what was not measured or has no target', () => {
  expect(missedOf([TAIL], [])).toEqual([])
  expect(missedOf([], groups)).toEqual([])
})

test('a warm-up ends when time and operations are over, and measurements when time is', async () => {
  const operate = () => Promise.resolve()
  const warmUp = await runClosedLoop(operate, { callers: 4, ms: 0, atLeast: 1_000 })
  expect(warmUp.done).toBeGreaterThanOrEqual(1_000)
  expect((await runClosedLoop(operate, { callers: 4, ms: 0 })).done).toBeLessThan(1_000)
})

test('only a first round lasts for so many operations, and only what was asked for is measured', async () => {
  const session = new Session({ redisServer: '', seconds: 0.3, rounds: 2, isShort: false })
  const lengths: unknown[] = []
  const measure = (_: string, length: object) => lengths.push(length)
  await session.alternate('all', ['ours'], measure)
  expect(lengths).toEqual([{ ms: 300, atLeast: expect.any(Number) }, { ms: 300 }, { ms: 300 }])
  session.only = new Set(['other'])
  expect(await session.alternate('all', ['ours'], measure)).toBeUndefined()
  expect(lengths).toHaveLength(3)
})
