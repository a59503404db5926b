import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readRuns } from '../../../bench/fleet/runs.mjs'
import { counts, promises } from '../../../bench/fleet/tables.mjs'

const EXPECTED = { authorizations: 1, callsFailed: 0 }
const WELL = { authorizations: 1, callsFailed: 0 }

interface Run {
  violated: string[]
  threw?: string
  expected: Record<string, unknown>
  observed: Record<string, number>
}

const run = (violated: string[], observed: Record<string, number> = {}): Run => ({
  violated,
  expected: EXPECTED,
  observed: { ...WELL, ...observed },
})
const broken = (threw: string, observed: Record<string, number> = {}): Run => ({
  violated: ['why'],
  threw,
  expected: {},
  observed,
})

/** What the last cell of the row says of these runs. */
function cellOf(runs: Run[]): string {
  const named = runs.map((one) => ({ name: 'named', processes: 8, ...one }))
  const row = { cells: ['what'], run: 'named' }
  const [cells] = promises({ header: ['when'], rows: [row] }, named).rows
  return cells?.at(-1)
}

test('a cell says how many of all runs were as promised', () => {
  expect(cellOf([run([]), run([])])).toBe('2/2')
  expect(cellOf([run([]), run(['it'], { callsFailed: 1 }), run(['it'], { callsFailed: 3 })])).toBe(
    '1/3 (call failed: 2)',
  )
})

test.each<[string, Run]>([
  ['spent token sent', run(['it'], { reuseDetections: 1, authorizations: 2 })],
  ['spent token sent', run(['it'], { familiesRevoked: 1 })],
  ['login too many', run(['it'], { authorizations: 2, callsFailed: 1 })],
  ['call failed', run(['it'], { callsFailed: 1 })],
  ['other count', run(['it'], { registrations: 2 })],
  ['too slow', run(['slowestMs: 9, not 0..8'], { slowestMs: 9 })],
  ['spent token sent', broken('AssertionError', { reuseDetections: 1 })],
  ['call failed', broken('AssertionError', { callsFailed: 1 })],
  ['other count', broken('AssertionError', { callsFailed: 0 })],
  ['call failed', broken('RedisOAuthDatabaseError')],
  ['harness gave up', broken('Error')],
])('of a run that was not as promised it says: %s', (cause, one) => {
  expect(cellOf([one, run([])])).toBe(`1/2 (${cause}: 1)`)
})

test('what may be revoked or logged in is no cause', () => {
  const observed = { familiesRevoked: 1, authorizations: 2 }
  const expected = { familiesRevoked: [0, 1], authorizations: 2, callsFailed: 0 }
  const one = { ...run(['it'], { ...observed, callsFailed: 1 }), expected }
  expect(cellOf([one])).toBe('0/1 (call failed: 1)')
})

test('a run that was broken off stands in the table of counts', () => {
  const runs = [run([], { slowestMs: 10 }), broken('Error')]
  const { rows } = counts(runs.map((one) => ({ name: 'named', processes: 8, ...one })))
  expect(rows).toEqual([['named', 8, '1/2 (harness gave up: 1)', '', '1', '', '', '0', '10']])
})

test('of a run with an id the last line counts, and one without an id is a run', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'fleet-runs-'))
  try {
    const lines = [
      { run: 'a', violated: ['not finished'] },
      { violated: [] },
      { run: 'b', violated: ['not finished'] },
      { run: 'a', violated: [] },
    ]
    await writeFile(
      join(directory, 'coordinated-8.jsonl'),
      lines.map((line) => `${JSON.stringify({ processes: 8, ...line })}\n`).join(''),
    )
    const runs = await readRuns(directory)
    expect(runs.map(({ violated }) => violated)).toEqual([[], [], ['not finished']])
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})
