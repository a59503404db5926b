import { writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { eventually } from '../support/eventually.js'
import { Round, type RoundReport } from '../support/hostile-redis/round.js'
import { type RedisServer, startRedis } from '../support/servers/redis-server.js'

const SECONDS = Number(process.env.FUZZ_SECONDS ?? 4)
const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000_000)
const REPORT = process.env.FUZZ_REPORT
/** Rounds mostly wait, for time limits to pass. */
const AT_ONCE = 24
const LONGEST_ROUND_MS = 120_000
const REPORT_EVERY_MS = 500

const PASSWORD = 'secret:of-the-server'

let server: RedisServer
let replica: RedisServer

beforeAll(async () => {
  server = await startRedis({ requirepass: PASSWORD })
  // For the databases that wait for one.
  replica = await startRedis({
    config: { replicaof: `${server.host} ${server.port}`, masterauth: PASSWORD },
  })
  await eventually(async () => (await server.cli<string>('INFO', 'replication')).includes('online'))
})

afterAll(async () => {
  await replica?.stop()
  await server?.stop()
})

it('no server that lies makes a call hang, throw past its caller, show a secret or answer for another', {
  timeout: SECONDS * 1_000 + LONGEST_ROUND_MS,
}, async () => {
  const findings: string[] = []
  const running = new Set<number>()
  const note = (what: string) => (error: unknown) => {
    findings.push(`${what} in one of the rounds ${[...running]}: ${(error as Error)?.stack}`)
  }
  const onException = note('an uncaught exception')
  const onRejection = note('an unhandled rejection')
  process.on('uncaughtException', onException)
  process.on('unhandledRejection', onRejection)
  onTestFinished(() => {
    process.off('uncaughtException', onException)
    process.off('unhandledRejection', onRejection)
  })
  const totals = { rounds: 0, calls: 0, commands: 0, lies: 0, slowestMs: 0, slowest: '' }
  const add = ({ calls, commands, lies, slowest, findings: found }: RoundReport): void => {
    totals.rounds += 1
    totals.calls += calls
    totals.commands += commands
    totals.lies += lies
    if (slowest.ms > totals.slowestMs) {
      totals.slowestMs = slowest.ms
      totals.slowest = slowest.method
    }
    findings.push(...found)
  }
  const startedAt = performance.now()
  let reportedAtMs = 0
  const report = (more?: object): void => {
    const elapsedMs = performance.now() - startedAt
    const isDue = elapsedMs - reportedAtMs >= REPORT_EVERY_MS || more !== undefined
    if (REPORT === undefined || !isDue) return
    reportedAtMs = elapsedMs
    const { rss } = process.memoryUsage()
    writeFileSync(REPORT, `${JSON.stringify({ elapsedMs, rss, ...totals, ...more })}\n`)
  }
  let next = SEED
  const work = async (): Promise<void> => {
    while (performance.now() - startedAt < SECONDS * 1_000 && findings.length === 0) {
      const seed = next
      next += 1
      running.add(seed)
      add(await new Round(seed).run({ path: server.path }))
      running.delete(seed)
      report()
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  report({ seed: SEED, found: findings })
  expect(findings).toEqual([])
  expect(totals.lies).toBeGreaterThan(totals.rounds)
})
