import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { eventually } from '../../support/eventually.js'
import { startProcesses, type TestProcess } from '../../support/processes/processes.js'
import { type RedisServer, startRedis } from '../../support/servers/redis-server.js'

const ENTRY = fileURLToPath(new URL('../../support/connection/pair-writer.mjs', import.meta.url))
const PROCESSES = 3
/** Of one process, see the entry. */
const CHAINS = 8
const KILLS = 25
const PAIRS_BETWEEN_KILLS = 40

interface Outcome {
  pairs: number
  codes: Record<string, number>
  wrong: unknown[]
  mishaps: string[]
}

let server: RedisServer
let processes: TestProcess[]

beforeEach(async () => {
  server = await startRedis()
  processes = await startProcesses({ entry: ENTRY, count: PROCESSES })
})

afterEach(async () => {
  await Promise.all(processes.map((each) => each.kill()))
  await server.stop()
})

async function underLoad(options: object, strike: () => Promise<unknown>): Promise<Outcome[]> {
  const { host, port } = server
  // Whatever else the machine does: what fails here is to fail by a cut connection.
  const common = { host, port, commandTimeout: 10_000 }
  await Promise.all(processes.map((each) => each.call('start', { ...common, ...options })))
  for (let i = 0; i < KILLS; i += 1) {
    const before = await Promise.all(processes.map((each) => each.call<number>('pairs')))
    const haveGoneOn = async () => {
      const now = await Promise.all(processes.map((each) => each.call<number>('pairs')))
      return now.every((pairs, n) => pairs >= (before[n] ?? 0) + PAIRS_BETWEEN_KILLS)
    }
    await eventually(haveGoneOn, { withinMs: 20_000 })
    await strike()
  }
  return Promise.all(processes.map((each) => each.call<Outcome>('stop')))
}

/** Nothing in a process whose database is closed keeps it alive: no timer, no socket, no handle. */
async function expectOwnEnd(): Promise<void> {
  const ends = await Promise.all(processes.map((each) => each.finish()))
  expect(ends).toEqual(ends.map(() => ({ code: 0, signal: null })))
  expect(processes.map(({ output }) => output)).toEqual(processes.map(() => ''))
}

it('three processes read nothing wrong, are told of each write that was cut off, and end by themselves when Redis kills all connections again and again', async () => {
  const outcomes = await underLoad({}, () => server.cli('CLIENT', 'KILL', 'TYPE', 'normal'))
  for (const { pairs, codes, wrong, mishaps } of outcomes) {
    // Reads are sent again. Each chain of calls has one write under way at most.
    const { OUTCOME_UNKNOWN: unknown = 0, ...others } = codes
    expect({ others, wrong, mishaps }).toEqual({ others: {}, wrong: [], mishaps: [] })
    expect(unknown).toBeLessThanOrEqual(KILLS * CHAINS)
    expect(pairs).toBeGreaterThan(KILLS * PAIRS_BETWEEN_KILLS)
  }
  await expectOwnEnd()
}, 60_000)

it('three processes get documented errors only, and read nothing wrong, when there is no second attempt', async () => {
  const outcomes = await underLoad({ maxRetriesPerRequest: 0 }, () =>
    server.cli('CLIENT', 'KILL', 'TYPE', 'normal'),
  )
  let failures = 0
  for (const { codes, wrong, mishaps } of outcomes) {
    expect({ wrong, mishaps }).toEqual({ wrong: [], mishaps: [] })
    for (const code of Object.keys(codes))
      expect(code).toMatch(/^(CONNECTION_LOST|OUTCOME_UNKNOWN)$/)
    failures += Object.values(codes).reduce((sum, count) => sum + count, 0)
  }
  expect(failures).toBeGreaterThan(0)
  await expectOwnEnd()
}, 60_000)
