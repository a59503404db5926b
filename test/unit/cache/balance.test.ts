import { describe, expect, it } from 'vitest'
import { Balance } from '../../../src/cache/balance.js'
import { randomFrom } from '../../support/random.js'

const USERS = 2_000
/** Of each instance. */
const OPERATIONS = 100_000
const WRITES = 0.1

interface Fleet {
  readonly instances: number
  /** Whether each instance has users of its own. */
  readonly isSticky: boolean
  readonly users?: number
  readonly writes?: number
}

/** The copies of one instance. */
class Copies {
  readonly #balance = new Balance()
  readonly #users = new Set<number>()
  /** How often the cache would have rested. */
  rests = 0

  read(user: number): void {
    if (this.#users.has(user)) this.#balance.hit()
    else this.#balance.filled()
    this.#users.add(user)
  }

  change(user: number): void {
    if (this.#users.delete(user)) this.#balance.ended()
    this.#balance.heard(1)
    if (this.#balance.isLoss()) this.rests += 1
  }
}

/** How often the first instance of a fleet would have rested. All instances do the same. */
function restsIn({ instances, isSticky, users = USERS, writes = WRITES }: Fleet): number {
  const copies = new Copies()
  const random = randomFrom(1)
  for (let operation = 0; operation < OPERATIONS * instances; operation += 1) {
    const instance = operation % instances
    const any = Math.floor(random() * users)
    const user = isSticky ? any - (any % instances) + instance : any
    if (random() < writes) copies.change(user)
    else if (instance === 0) copies.read(user)
  }
  return copies.rests
}

describe('copies cost more than they spare', () => {
  it.each([12, 16, 32])('where each of %i instances serves anybody', (instances) => {
    expect(restsIn({ instances, isSticky: false })).toBeGreaterThan(3)
  })

  it('where records are written more often than they are read', () => {
    expect(restsIn({ instances: 1, isSticky: true, writes: 0.6 })).toBeGreaterThan(3)
  })
})

describe('copies spare more than they cost', () => {
  it.each([1, 8, 32, 64])('where each of %i instances has users of its own', (instances) => {
    expect(restsIn({ instances, isSticky: true })).toBe(0)
  })

  it.each([2, 4])('where each of %i instances serves anybody', (instances) => {
    expect(restsIn({ instances, isSticky: false })).toBe(0)
  })

  it('where a fleet with users of its own begins, and reads most of them for the first time', () => {
    expect(restsIn({ instances: 64, isSticky: true, users: 64 * 20_000 })).toBe(0)
  })
})

it('what is heard while nothing is read is no reason', () => {
  const balance = new Balance()
  for (let i = 0; i < 10_000; i += 1) {
    balance.heard(100)
    expect(balance.isLoss()).toBe(false)
  }
  for (let i = 0; i < 2_000; i += 1) balance.hit()
  balance.heard(1)
  expect(balance.isLoss()).toBe(false)
})

it('what each read hears is one, though every read finds a copy', () => {
  const balance = new Balance()
  for (let i = 0; i < 1_999; i += 1) {
    balance.hit()
    balance.heard(100)
  }
  expect(balance.isLoss()).toBe(false)
  balance.hit()
  expect(balance.isLoss()).toBe(true)
})

it('little is no reason, however bad it looks', () => {
  const balance = new Balance()
  for (let i = 0; i < 1_000; i += 1) {
    balance.filled()
    balance.ended()
    balance.heard(1_000)
    expect(balance.isLoss()).toBe(false)
  }
})

it('what was long ago is no reason either', () => {
  const balance = new Balance(10)
  for (let i = 0; i < 9; i += 1) balance.hit()
  balance.ended()
  expect(balance.isLoss()).toBe(false)
  balance.filled()
  for (let i = 0; i < 10; i += 1) balance.ended()
  expect(balance.isLoss()).toBe(true)
  expect(balance.isLoss()).toBe(false)
})
