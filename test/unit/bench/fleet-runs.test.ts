import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { ScenarioResult } from '../../support/scenarios/scenario.js'

const WELL: ScenarioResult = { expected: { logins: 1 }, observed: { logins: 1 }, failures: [] }
const TWO_LOGINS = { ...WELL, observed: { logins: 2 } }

let directory: string
let file: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'fleet-report-'))
  file = join(directory, 'report.jsonl')
  vi.stubEnv('FLEET_REPORT', file)
  vi.stubEnv('FLEET_REPEATS', '3')
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(directory, { recursive: true, force: true })
})

/** As in a process of its own, which reads what the script has set. */
async function makeRuns(results: (ScenarioResult | Error)[]) {
  vi.resetModules()
  const { makeRuns } = await import('../../support/scenarios/runs.js')
  let made = 0
  const run = async () => {
    const result = results[made]
    made += 1
    if (result === undefined || result instanceof Error) throw result
    return result
  }
  const missed = await makeRuns('named', run, { observed: () => ({ logins: made }) })
  return { made, missed }
}

async function reported() {
  const lines = (await readFile(file, 'utf8')).split('\n').filter(Boolean)
  const runs = new Map(lines.map((line) => JSON.parse(line)).map((run) => [run.run, run]))
  return [...runs.values()].map(({ violated, threw, observed }) => ({ violated, threw, observed }))
}

test('a run that was not as promised is reported, and not made again', async () => {
  const { missed } = await makeRuns([WELL, TWO_LOGINS, WELL])
  expect(missed).toEqual(['logins: 2, not 1..1'])
  expect((await reported()).map(({ violated }) => violated)).toEqual([
    [],
    ['logins: 2, not 1..1'],
    [],
  ])
  expect((await makeRuns([])).made).toBe(0)
})

test('a run that throws is reported with what it has counted, and the next one is made', async () => {
  const error = new Error('not so within 30 s', { cause: new RangeError('it was not') })
  const { made } = await makeRuns([new Error('broken'), error, WELL])
  expect(made).toBe(3)
  expect(await reported()).toEqual([
    { violated: ['broken'], threw: 'Error', observed: { logins: 1 } },
    { violated: ['not so within 30 s'], threw: 'RangeError', observed: { logins: 2 } },
    { violated: [], observed: { logins: 1 } },
  ])
})

test('a run that ends with its process counts as one that was not finished', async () => {
  vi.resetModules()
  const { makeRuns: make } = await import('../../support/scenarios/runs.js')
  void make('named', () => new Promise(() => undefined), { observed: () => ({}) })
  expect(await reported()).toEqual([{ violated: ['not finished'], threw: 'Error', observed: {} }])
  expect((await makeRuns([WELL, WELL])).made).toBe(2)
})

test('no run begins when the time is over', async () => {
  vi.stubEnv('FLEET_UNTIL', '1')
  expect((await makeRuns([WELL])).made).toBe(0)
})
