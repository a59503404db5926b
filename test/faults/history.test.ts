import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Call, checkLogins, type Findings, overlapsOf } from '../support/faults/history.js'
import { checkCalls, RunningCheck } from '../support/faults/running-check.js'

const KEY = 'token-0'

function write(number: number, from: number, to: number, parts: Partial<Call> = {}): Call {
  return { process: 0, key: KEY, op: 'store', number, from, to, outcome: 'ok', ...parts }
}

function read(number: number | null, from: number, to: number, parts: Partial<Call> = {}): Call {
  return { process: 1, key: KEY, op: 'read', number, from, to, outcome: 'ok', ...parts }
}

function deletion(number: number, from: number, to: number, removed: boolean): Call {
  return write(number, from, to, { op: 'delete', removed })
}

const countsOf = ({ wrong, older, lost }: Findings) => ({
  wrong: wrong.length,
  older: older.length,
  lost: lost.size,
})
const kinds = (calls: Call[], options = {}) => countsOf(checkCalls(calls, options))
const GOOD = { wrong: 0, older: 0, lost: 0 }

describe('a history is good', () => {
  it.each<[string, Call[]]>([
    ['when nothing is read before the first write', [read(null, 0, 1), write(1, 2, 3)]],
    ['when a read sees the last write', [write(1, 0, 1), write(2, 2, 3), read(2, 4, 5)]],
    ['when a read beside a write sees it', [write(1, 0, 1), write(2, 2, 9), read(2, 3, 4)]],
    ['when a read beside a write does not see it', [write(1, 0, 1), write(2, 2, 9), read(1, 3, 4)]],
    [
      'when a write of unknown outcome is seen',
      [write(1, 0, 1, { outcome: 'unknown' }), read(1, 2, 3)],
    ],
    ['when it is not', [write(1, 0, 1, { outcome: 'unknown' }), read(null, 2, 3)]],
    ['when a deletion is seen', [write(1, 0, 1), deletion(2, 2, 3, true), read(null, 4, 5)]],
  ])('%s', (_, calls) => {
    expect(kinds(calls)).toEqual(GOOD)
  })
})

describe('a history shows as wrong', () => {
  it.each<[string, Call[]]>([
    ['a read of what was refused', [write(1, 0, 1, { outcome: 'refused' }), read(1, 2, 3)]],
    ['a read of what is not written yet', [read(1, 0, 1), write(1, 2, 3)]],
    ['a read of what nobody wrote', [write(1, 0, 1), read(7, 2, 3)]],
    ['text of nobody', [write(1, 0, 1), read(null, 2, 3, { outcome: 'wrong' })]],
    ['a deletion that found nothing', [write(1, 0, 1), deletion(2, 2, 3, false)]],
    ['a deletion of nothing that found something', [deletion(1, 0, 1, true)]],
  ])('%s', (_, calls) => {
    expect(kinds(calls)).toEqual({ ...GOOD, wrong: 1 })
  })
})

describe('a history shows as older, and lost', () => {
  const history: [string, Call[]][] = [
    ['a read of less than was acknowledged', [write(1, 0, 1), write(2, 2, 3), read(1, 4, 5)]],
    ['a read of nothing', [write(1, 0, 1), read(null, 2, 3)]],
    [
      'a read of less than another had read',
      [write(1, 0, 1), write(2, 2, 3), read(2, 4, 5), read(1, 6, 7)],
    ],
    [
      'a write of unknown outcome that happens after a later one',
      [write(1, 0, 1, { outcome: 'unknown' }), write(2, 2, 3), read(1, 4, 5)],
    ],
  ]

  it.each(history)('%s', (_, calls) => {
    expect(kinds(calls)).toEqual({ ...GOOD, older: 1, lost: 1 })
  })

  it('less than was read, also where nothing was acknowledged', () => {
    const slow = write(2, 2, 99)
    const calls = [write(1, 0, 1), slow, read(2, 4, 5), read(1, 6, 7)]
    expect(kinds(calls)).toEqual({ ...GOOD, older: 1, lost: 1 })
  })

  it('only as lost where that was allowed until then', () => {
    const [, calls] = history[0] as [string, Call[]]
    expect(kinds(calls, { lossyUntil: 2 })).toEqual({ ...GOOD, lost: 1 })
    expect(kinds(calls, { lossyUntil: 1 })).toEqual({ ...GOOD, older: 1, lost: 1 })
  })

  it('only as lost where memory still had it when it was lost', () => {
    const staleMs = (process: number) => (process === 2 ? 10 : 0)
    const before = [write(1, 0, 1), write(2, 2, 3)]
    const kept = read(2, 14, 15, { process: 2, isFromMemory: true })
    const older = [read(1, 16, 17), read(1, 16, 17, { process: 2 })]
    expect(kinds([...before, kept, ...older], { staleMs, lossyUntil: 5 })).toEqual({
      ...GOOD,
      lost: 1,
    })
    const bad = { ...GOOD, older: 2, lost: 1 }
    expect(kinds([...before, kept, ...older], { staleMs, lossyUntil: 3 })).toEqual(bad)
    const fromRedis = { ...kept, isFromMemory: false }
    expect(kinds([...before, fromRedis, ...older], { staleMs, lossyUntil: 5 })).toEqual(bad)
  })

  it('in words: who saw it, and after whom', () => {
    const [, calls] = history[2] as [string, Call[]]
    const { older, keys } = checkCalls(calls)
    expect(older).toEqual(['token-0: process 1: read 1, 3 ms after process 0: store 2'])
    expect([...keys]).toEqual([KEY])
  })

  it('not where it was read but never acknowledged, and that was allowed until then', () => {
    const unknown = write(2, 2, 3, { outcome: 'unknown' })
    const calls = [write(1, 0, 1), unknown, read(2, 4, 5), read(1, 6, 7)]
    expect(kinds(calls, { unconfirmedUntil: 4 })).toEqual(GOOD)
    expect(kinds(calls, { unconfirmedUntil: 3 })).toEqual({ ...GOOD, older: 1 })
    const [, acknowledged] = history[0] as [string, Call[]]
    expect(kinds(acknowledged, { unconfirmedUntil: 99 })).toEqual({ ...GOOD, older: 1, lost: 1 })
  })

  it('not within the time that a process needs to hear of what others did', () => {
    const staleMs = (process: number) => (process === 1 ? 10 : 0)
    const calls = [write(1, 0, 1), write(2, 2, 3), read(1, 12, 13)]
    expect(kinds(calls, { staleMs })).toEqual(GOOD)
    expect(kinds([...calls, read(1, 14, 15)], { staleMs })).toEqual({ ...GOOD, older: 1, lost: 1 })
    const seen = [write(1, 0, 1), write(2, 2, 3), read(2, 4, 5), read(1, 6, 7)]
    expect(kinds(seen, { staleMs })).toEqual({ ...GOOD, older: 1, lost: 1 })
  })

  it('not where the write was held on its way', () => {
    const [, calls] = history[3] as [string, Call[]]
    expect(kinds(calls, { mayBeLate: true })).toEqual(GOOD)
  })
})

it('PKCE values are to be found once', () => {
  const login = (...found: ('it' | 'nothing' | 'other')[]) => ({ from: 0, to: 1, found })
  const good = [login(), login('it'), login('it', 'nothing')]
  expect(checkLogins(good)).toEqual([])
  const bad = [login('nothing'), login('it', 'it'), login('other')]
  expect(checkLogins(bad)).toHaveLength(3)
  expect(checkLogins(bad, { lossyUntil: 1 })).toHaveLength(2)
})

it('turns of two processes are not to overlap', () => {
  const turn = (process: number, from: number, to: number) => ({ process, from, to })
  expect(overlapsOf([turn(0, 0, 1), turn(1, 1, 2), turn(0, 3, 4)])).toEqual([])
  expect(overlapsOf([turn(0, 3, 4), turn(0, 0, 2), turn(1, 1, 2)])).toHaveLength(1)
})

it('a history that comes in pieces, and is forgotten behind, shows what the whole one shows', () => {
  const steps = fc.array(
    fc.record({
      op: fc.constantFrom('store', 'delete', 'read'),
      lasts: fc.integer({ min: 1, max: 4 }),
      outcome: fc.constantFrom('ok', 'ok', 'ok', 'unknown', 'refused'),
      process: fc.integer({ min: 0, max: 2 }),
      /** How many writes a read is behind; further back than that nobody is held to account for. */
      back: fc.integer({ min: 0, max: 2 }),
    }),
    { maxLength: 60 },
  )
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 9 }), (list, piece) => {
      let [number, at] = [0, 0]
      const calls = list.map(({ op, lasts, outcome, process, back }): Call => {
        const from = at
        at += lasts
        if (op === 'read') return read(Math.max(number - back, 1), from, at, { process, outcome })
        number += 1
        return write(number, from, at, { op, outcome, ...(op === 'delete' && { removed: true }) })
      })
      const check = new RunningCheck()
      for (let i = 0; i < calls.length; i += piece) {
        check.add(calls.slice(i, i + piece))
        const until = calls[Math.min(i + piece, calls.length) - 1]?.to ?? 0
        check.advance(until)
        check.forget(until - 40)
      }
      check.advance(Number.POSITIVE_INFINITY)
      expect(countsOf(check.findings)).toEqual(countsOf(checkCalls(calls)))
    }),
  )
})
