import { appendFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { DEFAULTS } from '../../src/leaves/defaults.js'
import { lasts } from '../support/faults/duration.js'
import { checkLogins, overlapsOf, type Turn } from '../support/faults/history.js'
import { hasCache, Load, nowMs, type Record } from '../support/faults/load.js'
import { RunningCheck } from '../support/faults/running-check.js'
import { type FaultProxy, startFaultProxy } from '../support/network/fault-proxy.js'
import { randomFrom } from '../support/random.js'
import { type RedisServer, startRedis } from '../support/servers/redis-server.js'

const SECONDS = Number(process.env.SOAK_SECONDS ?? 12)
const SEED = Number(process.env.SOAK_SEED ?? Date.now() % 1_000_000)
const TAKE_EVERY_MS = 500
/** Longer than any call, and than any process takes to hear of a change. */
const HORIZON_MS = 10_000
const STALE_MS = 3_000
/** Over the whole run, beside what the code itself takes when it first runs. */
const MAX_GROWTH_BYTES = 3 * 2 ** 20

let server: RedisServer
let proxy: FaultProxy

beforeEach(async () => {
  // What is acknowledged is with the kernel, and outlives the process; only a machine that dies needs more.
  server = await startRedis({ config: { appendonly: 'yes', appendfsync: 'no' } })
  proxy = await startFaultProxy(server)
})

afterEach(async () => {
  await proxy?.stop()
  await server?.stop()
})

interface SoakFault {
  name: string
  longestMs: number
  strike(): unknown
  mend(): unknown
}

const kill = (type: string) => server.cli('CLIENT', 'KILL', 'TYPE', type)
const set = (name: string, value: number) => server.cli('CONFIG', 'SET', name, value)

/** None loses data, so the model holds throughout. */
const FAULTS: SoakFault[] = [
  { name: 'cut', longestMs: 0, strike: () => proxy.cut(), mend: () => undefined },
  { name: 'killed clients', longestMs: 0, strike: () => kill('normal'), mend: () => undefined },
  { name: 'killed listeners', longestMs: 0, strike: () => kill('pubsub'), mend: () => undefined },
  { name: 'garbage', longestMs: 0, strike: () => proxy.garbage('!\r\n'), mend: () => undefined },
  {
    name: 'refused',
    longestMs: 1_000,
    strike() {
      proxy.refuse()
      proxy.cut()
    },
    mend: () => proxy.accept(),
  },
  { name: 'slow', longestMs: 1_000, strike: () => proxy.delay(50), mend: () => proxy.resume() },
  {
    name: 'no replies',
    longestMs: 3_000,
    strike: () => proxy.stall('replies'),
    mend: () => proxy.resume(),
  },
  {
    name: 'half open',
    longestMs: 3_000,
    strike: () => proxy.halfOpen(),
    mend: () => proxy.resume(),
  },
  { name: 'hung', longestMs: 3_000, strike: () => server.pause(), mend: () => server.resume() },
  {
    name: 'restarted',
    longestMs: 500,
    strike: () => server.kill(),
    mend: () => server.restart({ keepData: true }),
  },
  {
    name: 'no connections left',
    longestMs: 1_000,
    async strike() {
      await set('maxclients', 1)
      await kill('normal')
    },
    mend: () => set('maxclients', 10_000),
  },
  {
    name: 'no memory left',
    longestMs: 1_000,
    strike: () => set('maxmemory', 1),
    mend: () => set('maxmemory', 0),
  },
]

class Soak {
  readonly #load: Load
  readonly #check = new RunningCheck({
    staleMs: (process) => (hasCache(process, this.#load.processes.length) ? STALE_MS : 0),
  })
  readonly #turns: Turn[] = []
  readonly wrongLogins: string[] = []
  readonly failed: { [code: string]: number } = {}
  readonly heapBytes: number[][] = []
  calls = 0
  faults = 0
  slowestMs = 0
  lagMs = 0

  constructor(load: Load) {
    this.#load = load
  }

  get findings() {
    return this.#check.findings
  }

  get overlaps() {
    return overlapsOf(this.#turns)
  }

  /** Takes what has been done and checks what is old enough to be known whole. */
  async take(): Promise<void> {
    const by = nowMs()
    this.add(await this.#load.take(), by - HORIZON_MS / 2)
    this.#check.forget(by - 2 * HORIZON_MS)
  }

  add(records: Record[], until: number): void {
    for (const record of records) {
      this.#check.add(record.calls)
      this.#turns.push(...record.turns)
      this.wrongLogins.push(...checkLogins(record.logins))
      this.lagMs = Math.max(this.lagMs, record.lagMs)
      this.calls += record.calls.length
      for (const { from, to, code } of record.calls) {
        this.slowestMs = Math.max(this.slowestMs, to - from)
        if (code !== undefined) this.failed[code] = (this.failed[code] ?? 0) + 1
      }
    }
    this.#check.advance(until)
  }

  async weigh(): Promise<void> {
    await this.take()
    this.heapBytes.push(await this.#load.all<number>('heapBytes'))
  }
}

it('a soak: mixed load at full speed with random faults, and every answer right', {
  timeout: (SECONDS + 60) * 1_000,
}, async () => {
  const random = randomFrom(SEED)
  const load = await Load.start({
    database: { host: proxy.host, port: proxy.port },
    pauseMs: 0,
  })
  try {
    const soak = new Soak(load)
    const startedAt = nowMs()
    const elapsedMs = () => nowMs() - startedAt
    const taking = setInterval(() => void soak.take(), TAKE_EVERY_MS)
    while (elapsedMs() < SECONDS * 1_000) {
      await lasts(random() * 500)
      await soak.weigh()
      const fault = FAULTS[Math.floor(random() * FAULTS.length)] as SoakFault
      progress(elapsedMs(), soak, fault.name)
      await fault.strike()
      await lasts(random() * fault.longestMs)
      await fault.mend()
      soak.faults += 1
      await load.mended()
      await load.well()
      progress(elapsedMs(), soak, '')
    }
    clearInterval(taking)
    await soak.weigh()
    soak.add(await load.stop(), Number.POSITIVE_INFINITY)
    const { remains, codes } = await load.end()
    report({ ...summaryOf(soak), seconds: Math.round(elapsedMs() / 1_000) })

    const seed = `SOAK_SEED=${SEED}`
    const { wrong, older } = soak.findings
    expect({ wrong, older, logins: soak.wrongLogins, overlaps: soak.overlaps }, seed).toEqual({
      wrong: [],
      older: [],
      logins: [],
      overlaps: [],
    })
    expect(soak.slowestMs).toBeLessThan(DEFAULTS.database.commandTimeout + soak.lagMs + 300)
    expect(codes).toEqual(load.processes.map(() => 0))
    for (const { resourcesBefore, resourcesAfter, warnings } of remains) {
      expect({ resourcesAfter, warnings }).toEqual({
        resourcesAfter: resourcesBefore,
        warnings: [],
      })
    }
    for (const growth of growthsOf(soak.heapBytes)) expect(growth).toBeLessThan(MAX_GROWTH_BYTES)
  } finally {
    await load.kill()
  }
})

/** For each process: how much more its heap held in the last third of the run than in the one before, in the middle. */
function growthsOf(heapBytes: number[][]): number[] {
  const third = Math.floor(heapBytes.length / 3)
  const [before, last] = [heapBytes.slice(third, 2 * third), heapBytes.slice(-third)]
  const processes = heapBytes[0]?.map((_, process) => process) ?? []
  return processes.map((process) => medianOf(last, process) - medianOf(before, process))
}

function medianOf(weights: number[][], process: number): number {
  const sorted = weights.map((each) => each[process] ?? 0).sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}

function summaryOf(soak: Soak) {
  const { calls, failed, faults, slowestMs, lagMs, heapBytes, findings } = soak
  return {
    seed: SEED,
    calls,
    failed,
    faults,
    slowestMs: Math.round(slowestMs),
    lagMs: Math.round(lagMs),
    wrong: findings.wrong.length + findings.older.length + soak.wrongLogins.length,
    heapGrowthBytes: growthsOf(heapBytes),
    heapBytes: heapBytes.at(-1),
  }
}

function progress(elapsedMs: number, { calls, faults }: Soak, fault: string): void {
  report({ elapsedMs, calls, faults, fault })
}

function report(line: object): void {
  const file = process.env.SOAK_REPORT
  if (file) appendFileSync(file, `${JSON.stringify(line)}\n`)
}
