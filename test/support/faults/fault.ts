import { appendFileSync } from 'node:fs'
import { basename } from 'node:path'
import { expect } from 'vitest'
import { DEFAULTS } from '../../../src/leaves/defaults.js'
import { type Alarms, alarmsIn, raisedSince } from './alarms.js'
import { lasts } from './duration.js'
import { type Call, checkLogins, overlapsOf, wordsOf } from './history.js'
import { hasCache, Load, type LoadOptions, nowMs } from './load.js'
import { checkCalls } from './running-check.js'

/** Beside what a busy process needs to come to its timers at all. */
const TIMER_SLACK_MS = 300
/** A silent connection that hears of changes is found out within this. */
const STALE_MS = 1_000
const SHOWN_FINDINGS = 5
const LASTS_MS = 1_000
const AFTERWARDS_CALLS = 200

export interface Fault {
  name: string
  load: LoadOptions
  /** Begins the fault and, unless there is `mend`, comes back when it is over. */
  strike(load: Load): Promise<unknown>
  /** Ends the fault; called once every loop of every process has met it. Left out: what serves takes over by itself. */
  mend?: (load: Load) => Promise<unknown>
  /** Goes on once all is well again without it: what the fault left behind comes back. All has to stay well. */
  afterwards?: () => Promise<unknown>
  /** With which codes calls may fail. */
  codes: readonly string[]
  /** What the servers themselves may lose. Unconfirmed is a write that was not acknowledged, though it can be read. */
  loses?: 'everything' | 'what was not replicated' | 'what was not confirmed'
  /** Bytes were held on their way, so that a write of unknown outcome can happen after later ones. */
  mayBeLate?: boolean
  /** Which calls may fail. @defaultValue all */
  fails?: readonly Call['op'][]
  /** Metrics show nothing of it, and `doctor` does. */
  isForDoctor?: boolean
  /** How long it lasts at least. */
  lastsMs?: number
}

/** For `it.each`, which would cut long names short. */
export function named<T extends { name: string }>(faults: readonly T[]): [string, T][] {
  return faults.map((fault) => [fault.name, fault])
}

/** What became of the calls: a line of bench/results/faults.json. */
export interface Outcome {
  fault: string
  /** The file of the test. */
  family: string
  calls: number
  failed: { [code: string]: number }
  slowestMs: number
  /** From the end of the fault, or from its beginning where something else takes over, until every key was served again. */
  healedMs: number
  acknowledged: number
  lost: number
}

/**
 * Has processes go through a fault, and holds what they saw against what is promised: every call settles in time, with a code
 * that fits; nothing is lost, or read as it never was; all goes well again by itself; nothing is left behind.
 */
export async function endure(fault: Fault): Promise<Outcome> {
  const load = await Load.start(fault.load)
  try {
    const quiet = await alarmsOf(load)
    const struckAt = nowMs()
    await fault.strike(load)
    if (fault.mend) {
      await outlast(load, fault.lastsMs ?? LASTS_MS)
      await fault.mend(load)
    }
    const mendedAt = nowMs()
    const duringIt = raisedSince(quiet, await alarmsOf(load))
    await load.mended()
    await load.well()
    if (fault.afterwards) {
      await fault.afterwards()
      await load.called(AFTERWARDS_CALLS)
      await load.well()
    }
    const records = await load.stop()
    const raised = new Set([...duringIt, ...raisedSince(quiet, await alarmsOf(load))])
    const { remains, codes } = await load.end()

    const calls = records.flatMap((record) => record.calls)
    const lagMs = Math.max(...records.map((record) => record.lagMs))
    const options = {
      staleMs: (process: number) =>
        hasCache(process, records.length) ? STALE_MS + lagMs + TIMER_SLACK_MS : 0,
      ...(fault.loses && {
        [fault.loses === 'what was not confirmed' ? 'unconfirmedUntil' : 'lossyUntil']: mendedAt,
      }),
      ...(fault.mayBeLate && { mayBeLate: true }),
    }
    const findings = checkCalls(calls, options)
    const logins = checkLogins(
      records.flatMap((record) => record.logins),
      options,
    )
    const overlaps = overlapsOf(records.flatMap((record) => record.turns))
    const outcome = summarize(fault, calls, fault.mend ? mendedAt : struckAt, findings.lost.size)
    report(outcome)
    expect(
      {
        wrong: findings.wrong.slice(0, SHOWN_FINDINGS),
        older: findings.older.slice(0, SHOWN_FINDINGS),
        logins: logins.slice(0, SHOWN_FINDINGS),
        overlaps: fault.loses ? [] : overlaps,
      },
      storyOf(calls, findings.keys, struckAt, mendedAt),
    ).toEqual({ wrong: [], older: [], logins: [], overlaps: [] })
    const failed = calls.filter(({ code }) => code !== undefined)
    expect([...new Set(failed.map(({ code }) => code))].sort()).toEqual(
      fault.codes.filter((code) => failed.some((call) => call.code === code)).sort(),
    )
    expectToBeFound(fault, raised, failed)
    if (fault.fails) {
      expect(
        failed.filter(({ op }) => !fault.fails?.includes(op)).slice(0, SHOWN_FINDINGS),
      ).toEqual([])
    }
    expect(outcome.slowestMs).toBeLessThan(longestCallMs(fault) + lagMs + TIMER_SLACK_MS)
    for (const { started, ended } of records) expect(ended).toBe(started)
    for (const { resourcesBefore, resourcesAfter, warnings } of remains) {
      expect({ resources: resourcesAfter, warnings }).toEqual({
        resources: resourcesBefore,
        warnings: [],
      })
    }
    expect(codes).toEqual(load.processes.map(() => 0))
    return outcome
  } finally {
    await load.kill()
  }
}

/** Lets the fault last, and every process have had calls that ended in it. */
async function outlast(load: Load, lastsMs: number): Promise<void> {
  await Promise.all([load.called(20), lasts(lastsMs)])
}

async function alarmsOf(load: Load): Promise<Alarms> {
  return alarmsIn(await load.all<string>('metrics'))
}

/** Who looks at nothing but the metrics knows of the fault, and of each code that a call has failed with. */
function expectToBeFound(
  { isForDoctor = false }: Fault,
  raised: ReadonlySet<string>,
  failed: readonly Call[],
): void {
  const codes = new Set(failed.map(({ code }) => code as string))
  expect([...raised]).toEqual(expect.arrayContaining([...codes]))
  if (!isForDoctor) expect([...raised]).not.toEqual([])
}

function summarize({ name }: Fault, calls: Call[], since: number, lost: number): Outcome {
  const failed: { [code: string]: number } = {}
  for (const { code } of calls) if (code !== undefined) failed[code] = (failed[code] ?? 0) + 1
  return {
    fault: name,
    family: basename(expect.getState().testPath ?? '', '.test.ts'),
    calls: calls.length,
    failed,
    slowestMs: Math.round(Math.max(...calls.map(({ from, to }) => to - from))),
    healedMs: Math.round(healedAt(calls, since) - since),
    acknowledged: calls.filter(({ op, outcome }) => op !== 'read' && outcome === 'ok').length,
    lost,
  }
}

/** When the last of the keys was served again, for good. */
function healedAt(calls: Call[], since: number): number {
  const last = new Map<string, number>()
  for (const call of calls) {
    if (call.outcome === 'ok' || call.to <= since) continue
    last.set(call.key, Math.max(last.get(call.key) ?? 0, call.to))
  }
  const first = new Map<string, number>()
  for (const { key, from, to, outcome } of calls) {
    if (outcome !== 'ok' || from < Math.max(since, last.get(key) ?? since)) continue
    first.set(key, Math.min(first.get(key) ?? Number.POSITIVE_INFINITY, to))
  }
  return Math.max(since, ...first.values())
}

/** All that was seen of the keys with findings, in words, by milliseconds since the fault struck. */
function storyOf(
  calls: readonly Call[],
  keys: ReadonlySet<string>,
  struckAt: number,
  mendedAt: number,
): string {
  const at = (time: number): string => `${Math.round(time - struckAt)} ms`
  const story = calls
    .filter(({ key }) => keys.has(key))
    .sort((a, b) => a.to - b.to)
    .map((call) => `${call.key}: ${wordsOf(call)}, ${at(call.from)} to ${at(call.to)}`)
  return [`over by ${at(mendedAt)}`, ...story].join('\n')
}

/** What is promised: `commandTimeout`; with `durability`, what is left of one confirmation and another one on top. */
function longestCallMs({ load }: Fault): number {
  const { commandTimeout = DEFAULTS.database.commandTimeout, durability } = load.database
  return commandTimeout + (durability ? 2 * (durability.timeoutMs + commandTimeout) : 0)
}

function report(outcome: Outcome): void {
  const file = process.env.FAULTS_REPORT
  if (file) appendFileSync(file, `${JSON.stringify(outcome)}\n`)
}
