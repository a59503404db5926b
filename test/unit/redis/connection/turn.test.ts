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

describe('a turn', () => {
  it('holds back what is sent until its end, after what was put off has been sent', async () => {
    operations(3)
    expect(events).toEqual(['cork 1'])
    await nextTurn()
    expect(events).toEqual(['cork 1', 'flush', 'uncork 1'])
  })

  it('does not end with a microtask, so that what other sockets bring in the same turn is taken along', async () => {
    operations(1)
    for (let i = 0; i < 100; i += 1) await Promise.resolve()
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
    expect([1, 2, 5, 7].map((underWay) => turn.size(underWay))).toEqual([1, 1, 1, 1])
  })

  it('grows with those under way, and to 128', () => {
    const sizes = [8, 10, 12, 16, 24, 64, 512, 5000].map((underWay) => turn.size(underWay))
    expect(sizes).toEqual([2, 3, 3, 4, 6, 16, 128, 128])
  })

  it('goes by the most of late: answers that come in one packet leave none under way', () => {
    turn.size(64)
    for (let underWay = 1; underWay <= 64; underWay += 1) {
      expect(turn.size(underWay)).toBeGreaterThan(13)
    }
  })

  it('is one again after some operations with few under way', () => {
    turn.size(64)
    for (let i = 0; i < 1500; i += 1) turn.size(1)
    expect(turn.size(1)).toBe(1)
  })
})
