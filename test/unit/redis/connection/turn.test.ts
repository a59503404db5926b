import { beforeEach, describe, expect, it } from 'vitest'
import { Turn } from '../../../../src/redis/connection/turn.js'

const MAX_OPERATIONS = 32

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

function operations(count: number): void {
  for (let i = 0; i < count; i += 1) turn.begin()
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

  it(`lets go of what was sent at ${MAX_OPERATIONS} operations, and holds the rest`, async () => {
    operations(MAX_OPERATIONS)
    for (let i = 1; i < MAX_OPERATIONS; i += 1) turn.sent(1)
    expect(events).toEqual(['cork 1'])
    turn.sent(1)
    expect(events).toEqual(['cork 1', 'uncork 1', 'cork 2'])
    turn.sent(MAX_OPERATIONS)
    expect(events.slice(3)).toEqual(['uncork 2', 'cork 3'])
    await nextTurn()
    expect(events.slice(5)).toEqual(['flush', 'uncork 3'])
  })

  it('counts anew in the next', async () => {
    operations(1)
    turn.sent(MAX_OPERATIONS - 1)
    await nextTurn()
    operations(1)
    turn.sent(1)
    expect(events.filter((event) => event.startsWith('uncork'))).toEqual(['uncork 1'])
    await nextTurn()
  })

  it('does nothing for what is sent outside of one', () => {
    turn.sent(2 * MAX_OPERATIONS)
    expect(events).toEqual([])
  })

  it('can be ended early, and again by its own end, without letting go twice', async () => {
    operations(1)
    turn.end()
    await nextTurn()
    expect(events).toEqual(['cork 1', 'flush', 'uncork 1', 'flush'])
  })
})

describe('a command', () => {
  const calmTurn = async (count: number): Promise<void> => {
    operations(count)
    await nextTurn()
  }

  it('leaves at once while fewer than 16 are under way', () => {
    expect([0, 1, 8, 15].map((underWay) => turn.passes(underWay))).toEqual(Array(4).fill(true))
  })

  it('takes part in a turn from 16 on, and goes on doing so when there are fewer', () => {
    expect([16, 1, 0].map((underWay) => turn.passes(underWay))).toEqual(Array(3).fill(false))
  })

  it('leaves at once again after two turns in a row with at most 8 operations', async () => {
    turn.passes(16)
    await calmTurn(8)
    expect(turn.passes(0)).toBe(false)
    await calmTurn(9)
    await calmTurn(8)
    expect(turn.passes(0)).toBe(false)
    await calmTurn(1)
    expect(turn.passes(0)).toBe(true)
    expect(turn.passes(16)).toBe(false)
  })
})
