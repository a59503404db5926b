import { beforeEach, describe, expect, it } from 'vitest'
import { Turn } from '../../../../src/redis/connection/turn.js'

/** What happened, in order. */
let events: string[]
let turn: Turn

beforeEach(() => {
  events = []
  let corks = 0
  const cork = () => {
    corks += 1
    const mine = corks
    events.push(`cork ${mine}`)
    return () => events.push(`uncork ${mine}`)
  }
  turn = new Turn(cork, () => events.push('flush'))
})

const nextTurn = () => new Promise((resolve) => setImmediate(resolve))

/** So many operations of which `size` leave together. */
function operations(count: number, size = Number.POSITIVE_INFINITY): void {
  for (let i = 0; i < count; i += 1) {
    turn.begin()
    turn.sent(1, size)
  }
}

/** As many leave together when so many are under way, and the last command was sent so many milliseconds ago. */
const sizeOf = (underWay: number, sentMs = 0) => turn.size(underWay, performance.now() - sentMs)

describe('a turn', () => {
  it('holds back what is sent until its end, after what was put off has been sent', async () => {
    operations(3)
    expect(events).toEqual(['cork 1'])
    await nextTurn()
    expect(events).toEqual(['cork 1', 'flush', 'uncork 1'])
  })

  it('does not end before what other sockets bring in the same turn is taken along', async () => {
    sizeOf(64)
    operations(1)
    await new Promise<void>((resolve) => process.nextTick(resolve))
    operations(1)
    expect(events).toEqual(['cork 1'])
    await nextTurn()
    expect(events).toEqual(['cork 1', 'flush', 'uncork 1'])
  })

  it('follows another', async () => {
    operations(1)
    await nextTurn()
    operations(1)
    await nextTurn()
    expect(events).toEqual(['cork 1', 'flush', 'uncork 1', 'cork 2', 'flush', 'uncork 2'])
  })

  it('lets go of as many as leave together, and holds the rest', async () => {
    operations(7, 3)
    expect(events).toEqual(['cork 1', 'uncork 1', 'cork 2', 'uncork 2', 'cork 3'])
    await nextTurn()
    expect(events.slice(5)).toEqual(['flush', 'uncork 3'])
  })

  it('lets go of one command that stands for many', async () => {
    turn.begin()
    turn.sent(32, 4)
    expect(events).toEqual(['cork 1', 'uncork 1'])
    await nextTurn()
  })

  it('counts anew in the next', async () => {
    operations(2, 3)
    await nextTurn()
    operations(2, 3)
    expect(events).toEqual(['cork 1', 'flush', 'uncork 1', 'cork 2'])
    await nextTurn()
  })

  it('has no part in what leaves by itself', async () => {
    turn.sent(1, 1)
    await nextTurn()
    expect(events).toEqual([])
  })

  it('can be ended early, and again by its own end, without letting go twice', async () => {
    operations(1)
    turn.end()
    await nextTurn()
    expect(events).toEqual(['cork 1', 'flush', 'uncork 1', 'flush'])
  })
})

describe('how many operations leave together', () => {
  it('is one while few are under way', () => {
    expect([1, 2, 5, 7].map((underWay) => sizeOf(underWay))).toEqual([1, 1, 1, 1])
  })

  it('grows with those under way, and to 128', () => {
    const sizes = [8, 10, 12, 16, 24, 64, 512, 5000].map((underWay) => sizeOf(underWay))
    expect(sizes).toEqual([2, 3, 3, 4, 6, 16, 128, 128])
  })

  it('goes by the most of late: answers that come in one packet leave none under way', () => {
    sizeOf(64)
    for (let underWay = 1; underWay <= 64; underWay += 1) {
      expect(sizeOf(underWay)).toBeGreaterThan(13)
    }
  })

  it('is one again after some operations with few under way', () => {
    sizeOf(64)
    for (let i = 0; i < 1500; i += 1) sizeOf(1)
    expect(sizeOf(1)).toBe(1)
  })
})

describe('when all answers came late, how many operations leave together', () => {
  const sizesOf = (callers: number, sentMs: number) =>
    Array.from({ length: callers }, (_, before) => sizeOf(before + 1, before === 0 ? sentMs : 0))

  /** Each of the callers calls once; the first finds the last command sent so many milliseconds ago. */
  function round(callers: number, sentMs: number): number[] {
    const sizes = sizesOf(callers, sentMs)
    turn.end()
    return sizes
  }

  beforeEach(() => {
    round(4, 0)
  })

  it('is all, few or many', () => {
    expect(round(4, 1)).toEqual([4, 4, 4, 4])
    round(16, 0)
    expect(round(16, 1)).toEqual(Array.from({ length: 16 }, () => 16))
    round(512, 0)
    expect(new Set(round(512, 1))).toEqual(new Set([128]))
  })

  it('is one again with the first answers that come soon', () => {
    round(4, 1)
    expect(round(4, 0)).toEqual([1, 1, 1, 1])
  })

  it('is one while some answers are still to come', () => {
    expect([sizeOf(2, 1), sizeOf(3), sizeOf(4)]).toEqual([1, 1, 1])
  })

  it('is one for a caller alone', () => {
    turn = new Turn(
      () => () => {},
      () => {},
    )
    for (let i = 0; i < 20; i += 1) expect(round(1, 1)).toEqual([1])
  })

  it('is one each in one round of 16: answers that then come apart show that only the way is long', () => {
    const rounds = Array.from({ length: 32 }, () => round(4, 1)[3])
    expect(rounds.filter((size) => size === 1)).toHaveLength(2)
    expect(rounds.filter((size) => size === 4)).toHaveLength(30)
  })

  it('ends with the microtasks while few are under way: nothing else is coming', async () => {
    events = []
    sizeOf(1, 1)
    turn.begin()
    turn.sent(1, 4)
    await Promise.resolve()
    expect(events).toEqual(['cork 1'])
    await new Promise<void>((resolve) => process.nextTick(resolve))
    expect(events).toEqual(['cork 1', 'flush', 'uncork 1'])
  })
})
