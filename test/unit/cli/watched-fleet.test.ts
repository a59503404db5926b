import { expect, test } from 'vitest'
import { totalOf, WatchedFleet } from '../../../src/cli/watch/fleet.js'
import { writeWatchLine } from '../../../src/metrics/watch-line.js'

const counts = { refreshes: 3, waits: 0, rests: 0, refusals: 0, cacheHits: 25 }
const line = (process: string, seconds = 1): string => writeWatchLine({ process, seconds, counts })

test('what a process counted is shown per second, and counts of two lines together', () => {
  const fleet = new WatchedFleet()
  fleet.hear(line('b', 2), 0)
  expect(fleet.look(0)).toEqual([
    { process: 'b', rates: { ...counts, refreshes: 1.5, cacheHits: 13 }, isNew: true },
  ])
  fleet.hear(line('b', 2), 1_000)
  fleet.hear(line('b', 2), 2_000)
  fleet.hear(line('a'), 2_000)
  const all = fleet.look(2_000)
  expect(all.map(({ process, rates }) => [process, rates.refreshes])).toEqual([
    ['a', 3],
    ['b', 1.5],
  ])
  expect(totalOf(all)).toEqual({ ...counts, refreshes: 4.5, cacheHits: 38 })
})

test('a process that says nothing is shown as it was, and not for long', () => {
  const fleet = new WatchedFleet()
  fleet.hear(line('a'), 0)
  fleet.look(0)
  expect(fleet.look(4_000).map(({ isNew }) => isNew)).toEqual([false])
  expect(fleet.look(5_001)).toEqual([])
})

test('invented processes take no more than their room, and those that are known stay', () => {
  const fleet = new WatchedFleet()
  fleet.hear(line('real'), 0)
  for (let i = 0; i < 5_000; i += 1) fleet.hear(line(`invented ${i}`), 0)
  fleet.hear('garbage', 0)
  const all = fleet.look(0)
  expect(all).toHaveLength(1_000)
  expect(all.some(({ process }) => process === 'real')).toBe(true)
})
