import { expect, test } from 'vitest'
import type { OwnKind } from '../../support/late-saves/history.js'
import { Run, STARTS } from '../../support/late-saves/run.js'
import { inEveryWay } from '../../support/late-saves/ways.js'

/** Every order of so many saves and deletions, of either kind. */
function ordersOf(saves: number, deletions: number): OwnKind[][] {
  if (saves === 0 && deletions === 0) return [[]]
  const from = (kind: OwnKind, rest: OwnKind[][]) => rest.map((order) => [kind, ...order])
  const orders = saves === 0 ? [] : from('save', ordersOf(saves - 1, deletions))
  if (deletions === 0) return orders
  const rest = ordersOf(saves, deletions - 1)
  return [...orders, ...from('delete', rest), ...from('deleteAll', rest)]
}

test.each([
  { saves: 2, deletions: 1, failures: 1, peerActs: 1 },
  { saves: 1, deletions: 2, failures: 1, peerActs: 1 },
  { saves: 2, deletions: 2, failures: 1, peerActs: 0 },
])(
  'saves of a record that is gone end as they say, in every way of $saves saves, $deletions deletions, $failures failures and $peerActs acts of a peer',
  async ({ saves, deletions, ...faults }) => {
    const wrong: string[] = []
    let ways = 0
    for (const [name, entries] of STARTS) {
      for (const calls of ordersOf(saves, deletions)) {
        ways += await inEveryWay(async (choose) => {
          const violation = await new Run(choose).go(entries, { calls, ...faults })
          if (violation !== undefined) wrong.push(`${name}: ${violation}`)
        })
      }
    }
    expect(wrong.sort((a, b) => a.length - b.length).slice(0, 3)).toEqual([])
    expect(ways).toBeGreaterThan(10_000)
  },
)
