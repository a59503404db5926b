import { appendFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'
import { eventually } from '../support/eventually.js'
import { lasts } from '../support/faults/duration.js'
import { type FaultProxy, startFaultProxy } from '../support/network/fault-proxy.js'
import { startProcesses, type TestProcess } from '../support/processes/processes.js'
import { randomFrom } from '../support/random.js'
import { type RedisServer, startRedis } from '../support/servers/redis-server.js'
import { Ledger } from '../support/soak/ledger.js'

const SECONDS = Number(process.env.SOAK_SECONDS ?? 12)
const SEED = Number(process.env.SOAK_SEED ?? Date.now() % 1_000_000)
const PROCESSES = 3
const USERS_EACH = 3
const WELL_WITHIN_MS = 30_000
/** A machine so busy tells nothing by that: half of `commandTimeout`. The proxies are in this process. */
const BUSY_NS = 1e9
/** Rescues and waits for marks that a fault left behind have ended by then: one loss does not add to the next. */
const SETTLED_MS = 3_000

const entry = fileURLToPath(new URL('../support/soak/session-process.mjs', import.meta.url))

interface Finding {
  kind: 'lost' | 'back'
  user: string
  login: string
  found: string
  unknown: string[]
}

type Counts = Record<string, number>

interface SoakFault {
  name: string
  longestMs: number
  strike(): unknown
  mend(): unknown
}

/** A process and its own way to Redis. */
interface Member {
  name: string
  process: TestProcess
  proxy: FaultProxy
}

class SessionSoak {
  readonly redis: RedisServer
  readonly ledger: Ledger
  readonly members: Member[] = []
  readonly findings: Finding[] = []
  /** Of processes that were killed. */
  #countsBefore: Counts = {}
  faults: Counts = {}
  #started = 0

  constructor(redis: RedisServer, ledger: Ledger) {
    this.redis = redis
    this.ledger = ledger
  }

  async add(index: number): Promise<void> {
    const [process] = (await startProcesses({ entry })) as [TestProcess]
    const proxy = await startFaultProxy({ port: this.redis.port })
    this.#started += 1
    const name = `process ${this.#started}`
    this.members[index] = { name, process, proxy }
    const usersOf = (owner: number) =>
      Array.from({ length: USERS_EACH }, (_, user) => `user ${owner}-${user}`)
    const users = Array.from({ length: PROCESSES }, (_, owner) => usersOf(owner)).flat()
    const setup = { name, tokenUrl: this.ledger.url, owns: usersOf(index), users }
    await process.call('start', { host: proxy.host, port: proxy.port }, setup)
  }

  async replace(index: number): Promise<void> {
    const { name, process, proxy } = this.members[index] as Member
    await this.take()
    const { counts } = await process.call<{ counts: Counts }>('take')
    this.#countsBefore = sumOf(this.#countsBefore, counts)
    await process.kill()
    this.ledger.excuse(name)
    await proxy.stop()
    await this.add(index)
  }

  /** @returns what all processes have counted */
  async take(): Promise<Counts> {
    const taken = await Promise.all(
      this.members.map(({ process }) =>
        process.call<{ findings: Finding[]; counts: Counts }>('take'),
      ),
    )
    this.findings.push(...taken.flatMap(({ findings }) => findings))
    return taken.reduce((sum, { counts }) => sumOf(sum, counts), this.#countsBefore)
  }

  /** Sessions that are lost, without those that went with a process that was killed. */
  get lost(): Finding[] {
    return this.findings.filter(
      ({ kind, login }) => kind === 'lost' && !this.ledger.isExcused(login),
    )
  }

  /** Users who were back after their deletion, unless by a login that may still have been on its way. */
  get back(): Finding[] {
    const isConcurrent = ({ found, unknown }: Finding) =>
      unknown.some((login) => this.ledger.isSame(login, found))
    return this.findings.filter((finding) => finding.kind === 'back' && !isConcurrent(finding))
  }

  async well(fault: string): Promise<void> {
    const delay = monitorEventLoopDelay()
    delay.enable()
    const ping = async (member: Member): Promise<unknown> => {
      const { name, process } = member
      delay.reset()
      try {
        return await eventually(() => process.call('ping'), { withinMs: WELL_WITHIN_MS })
      } catch (error) {
        if (delay.max > BUSY_NS) return await ping(member)
        const { message } = error as Error
        throw new Error(`${name}, after ${fault}: ${message}\n${process.output}`)
      }
    }
    await Promise.all(this.members.map(ping))
    delay.disable()
    await lasts(SETTLED_MS)
  }

  async end(): Promise<void> {
    await Promise.all(this.members.map(({ process }) => process.kill()))
    await Promise.all(this.members.map(({ proxy }) => proxy.stop()))
    await this.ledger.stop()
    await this.redis.stop()
  }
}

function sumOf(one: Counts, other: Counts): Counts {
  const names = new Set([...Object.keys(one), ...Object.keys(other)])
  return Object.fromEntries([...names].map((name) => [name, (one[name] ?? 0) + (other[name] ?? 0)]))
}

/** None lasts longer than what the promise allows, with what a busy machine and an attempt to reconnect add. */
function faultsOf(soak: SessionSoak, random: () => number): SoakFault[] {
  const { redis, ledger, members } = soak
  let index = 0
  const one = () => {
    index = Math.floor(random() * PROCESSES)
    return members[index] as Member
  }
  const same = () => members[index] as Member
  const all = (act: (proxy: FaultProxy) => unknown) => {
    for (const { proxy } of members) act(proxy)
  }
  const nothing = () => undefined
  return [
    { name: 'cut', longestMs: 0, strike: () => one().proxy.cut(), mend: nothing },
    { name: 'all cut', longestMs: 0, strike: () => all((proxy) => proxy.cut()), mend: nothing },
    {
      name: 'half open',
      longestMs: 5_000,
      strike: () => one().proxy.halfOpen(),
      mend: () => same().proxy.resume(),
    },
    {
      name: 'all half open',
      longestMs: 5_000,
      strike: () => all((proxy) => proxy.halfOpen()),
      mend: () => all((proxy) => proxy.resume()),
    },
    {
      name: 'Redis hung',
      longestMs: 6_000,
      strike: () => redis.pause(),
      mend: () => redis.resume(),
    },
    {
      name: 'Redis restarted',
      longestMs: 5_000,
      strike: () => redis.kill(),
      mend: () => redis.restart({ keepData: true }),
    },
    {
      name: 'stalled process',
      longestMs: 6_000,
      strike: () => one().process.pause(),
      mend: () => same().process.resume(),
    },
    {
      name: 'killed process',
      longestMs: 0,
      strike: () => soak.replace(Math.floor(random() * PROCESSES)),
      mend: nothing,
    },
    {
      name: 'authorization server fails',
      longestMs: 3_000,
      strike: () => {
        ledger.fails = true
      },
      mend: () => {
        ledger.fails = false
      },
    },
  ]
}

it('a soak of sessions: refreshes, logins, deletions and faults, no session lost and no spent token sent', {
  timeout: (SECONDS + 120) * 1_000,
}, async () => {
  const random = randomFrom(SEED)
  // What is acknowledged is with the kernel, and outlives the process. A short file is soon read by the next one.
  const config = { appendonly: 'yes', appendfsync: 'no', 'auto-aof-rewrite-min-size': '2mb' }
  const redis = await startRedis({ config })
  const soak = new SessionSoak(redis, await Ledger.start())
  onTestFinished(() => soak.end())
  soak.ledger.slowMs = 300
  await Promise.all(Array.from({ length: PROCESSES }, (_, index) => soak.add(index)))
  const startedAtMs = performance.now()
  const elapsedMs = () => performance.now() - startedAtMs
  const faults = faultsOf(soak, random)
  while (elapsedMs() < SECONDS * 1_000) {
    await lasts(500 + random() * 1_500)
    const fault = faults[Math.floor(random() * faults.length)] as SoakFault
    await fault.strike()
    await lasts(random() * fault.longestMs)
    await fault.mend()
    soak.faults[fault.name] = (soak.faults[fault.name] ?? 0) + 1
    await soak.well(fault.name)
    report({ elapsedMs: elapsedMs(), ...summaryOf(soak, await soak.take()) })
  }
  await Promise.all(soak.members.map(({ process }) => process.call('stop').catch(() => undefined)))
  const counts = await soak.take()
  report({ seed: SEED, seconds: Math.round(elapsedMs() / 1_000), ...summaryOf(soak, counts) })
  const { lost, back, ledger } = soak
  expect({ lost, back, spentTokens: ledger.spentTokens }, `SOAK_SEED=${SEED}`).toEqual({
    lost: [],
    back: [],
    spentTokens: 0,
  })
  for (const name of ['refreshes', 'logins', 'deletions', 'sessionsChecked']) {
    expect(counts[name], name).toBeGreaterThan(0)
  }
})

function summaryOf(soak: SessionSoak, counts: Counts) {
  const { ledger, lost, back, faults } = soak
  const { refreshes, spentTokens, spentAfterKills } = ledger
  return {
    ...counts,
    sent: refreshes,
    spentTokens,
    spentAfterKills,
    lost: lost.length,
    back: back.length,
    faults: Object.values(faults).reduce((sum, times) => sum + times, 0),
    byFault: faults,
  }
}

function report(line: object): void {
  const file = process.env.SOAK_REPORT
  if (file) appendFileSync(file, `${JSON.stringify(line)}\n`)
}
