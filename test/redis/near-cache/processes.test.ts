import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { RedisOAuthDatabase } from '../../../src/index.js'
import { eventually } from '../../support/eventually.js'
import { lasts } from '../../support/faults/duration.js'
import { type FaultProxy, startFaultProxy } from '../../support/network/fault-proxy.js'
import { startProcesses, type TestProcess } from '../../support/processes/processes.js'
import { type RedisServer, startRedis } from '../../support/servers/redis-server.js'

const ENTRY = fileURLToPath(new URL('../../support/near-cache/cache-reader.mjs', import.meta.url))
const PROCESSES = 3
const KEYS = Array.from({ length: 10 }, (_, i) => `key_${i}`)
const WRITES_BETWEEN_FAULTS = 60
/** Far more than it takes: milliseconds when all is well, a second when a link falls silent. The machine may be busy. */
const STALE_AT_MOST_MS = { whenHeard: 500, whenSilent: 2_500 }

interface Outcome {
  reads: number
  seen: { key: string; value: number; until: number }[]
  wrong: unknown[]
  codes: Record<string, number>
}

type Fault = () => unknown

let server: RedisServer
let proxy: FaultProxy
let processes: TestProcess[]
let writer: RedisOAuthDatabase

beforeEach(async () => {
  server = await startRedis()
  proxy = await startFaultProxy(server)
  processes = await startProcesses({ entry: ENTRY, count: PROCESSES })
  writer = new RedisOAuthDatabase({
    host: server.host,
    port: server.port,
    commandTimeout: 10_000,
    maxRetriesPerRequest: 1_000,
  })
})

afterEach(async () => {
  await writer.close()
  await Promise.all(processes.map((each) => each.kill()))
  await proxy.stop()
  await server.stop()
})

/** Writes ever higher numbers, one after the other, and strikes in between. Gives when each was acknowledged. */
async function writeUnder(faults: readonly Fault[]) {
  const acknowledged = new Map<string, number[]>(KEYS.map((key) => [key, []]))
  for (const strike of faults) {
    const striking = strike()
    for (let i = 0; i < WRITES_BETWEEN_FAULTS; i += 1) {
      const key = KEYS[i % KEYS.length] as string
      const times = acknowledged.get(key) as number[]
      // Cut off, it is stored once more: nobody else writes.
      await eventually(() => writer.storeToken(key, String(times.length)))
      times.push(Date.now())
      // The readers have had a turn since, so that they meet each value.
      await Promise.all(processes.map((each) => each.call('reads')))
    }
    await striking
  }
  return acknowledged
}

/** How long after the next value was acknowledged a reader still read one, at most, in milliseconds. */
function stalenessOf({ seen }: Outcome, acknowledged: Map<string, number[]>): number {
  return Math.max(
    ...seen.map(({ key, value, until }) => {
      const replacedAt = acknowledged.get(key)?.[value + 1]
      return replacedAt === undefined ? 0 : until - replacedAt
    }),
  )
}

async function readUnder(faults: readonly Fault[], staleAtMostMs: number): Promise<Outcome[]> {
  for (const key of KEYS) await writer.storeToken(key, '-1')
  const { host, port } = proxy
  const options = { host, port, cache: true, retryDelayOnFailover: 10 }
  await Promise.all(processes.map((each) => each.call('start', options, KEYS)))
  const acknowledged = await writeUnder(faults)
  proxy.resume()
  const last = KEYS.map((key) => String((acknowledged.get(key)?.length ?? 0) - 1))
  for (const each of processes) {
    await eventually(async () => expect(await each.call('read', KEYS)).toEqual(last))
  }
  const outcomes = await Promise.all(processes.map((each) => each.call<Outcome>('stop')))
  for (const outcome of outcomes) {
    expect(outcome.wrong).toEqual([])
    expect(stalenessOf(outcome, acknowledged)).toBeLessThan(staleAtMostMs)
  }
  await Promise.all(processes.map((each) => each.call('close')))
  const ends = await Promise.all(processes.map((each) => each.finish()))
  expect(ends).toEqual(ends.map(() => ({ code: 0, signal: null })))
  expect(processes.map(({ output }) => output)).toEqual(processes.map(() => ''))
  return outcomes
}

const rest = () => undefined

it('processes that are told of changes read nearly all from memory, and nothing that was replaced before', async () => {
  const before = await getsAt()
  const outcomes = await readUnder(
    Array.from({ length: 10 }, () => rest),
    STALE_AT_MOST_MS.whenHeard,
  )
  const reads = outcomes.reduce((sum, outcome) => sum + outcome.reads, 0)
  expect(((await getsAt()) - before) / reads).toBeLessThan(0.05)
  for (const { codes } of outcomes) expect(codes).toEqual({})
}, 60_000)

it('processes whose connections are cut again and again read nothing that was replaced long before', async () => {
  const kill = (type: string) => () => server.cli('CLIENT', 'KILL', 'TYPE', type)
  const outcomes = await readUnder(
    Array.from({ length: 6 }, () => [
      kill('pubsub'),
      kill('normal'),
      () => proxy.cut(),
      rest,
    ]).flat(),
    STALE_AT_MOST_MS.whenHeard,
  )
  for (const { codes } of outcomes) expect(codes).toEqual({})
}, 60_000)

it('processes whose network falls silent, and whose server hangs, read nothing that was replaced long before', async () => {
  const hang = async () => {
    server.pause()
    await lasts(700)
    server.resume()
  }
  const faults = [
    () => proxy.stall('replies'),
    () => proxy.resume(),
    () => proxy.halfOpen(),
    () => proxy.resume(),
    hang,
    () => proxy.stall(),
    () => proxy.resume(),
    rest,
  ]
  const outcomes = await readUnder(
    faults.flatMap((strike) => [strike, rest, rest, rest]),
    STALE_AT_MOST_MS.whenSilent,
  )
  for (const { codes } of outcomes) {
    for (const code of Object.keys(codes))
      expect(code).toMatch(/^(TIMEOUT|CONNECTION_LOST|CONNECTION_TIMEOUT)$/)
  }
}, 60_000)

async function getsAt(): Promise<number> {
  const stats = await server.cli<string>('INFO', 'commandstats')
  const counts = [...stats.matchAll(/^cmdstat_m?get:calls=(\d+)/gm)]
  return counts.reduce((sum, [, calls]) => sum + Number(calls), 0)
}
