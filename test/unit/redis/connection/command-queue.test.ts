import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { CommandQueue } from '../../../../src/redis/connection/command-queue.js'
import { type CommandOwner, TrackedCommand } from '../../../../src/redis/driver/command.js'
import { failureOf } from '../../../../src/redis/driver/failure.js'
import { text } from '../../../../src/redis/protocol/replies.js'

const LIFETIME_MS = 1_000
const CONNECTION_TIMEOUT_MS = 5_000
/** With what the attempt to connect has to say why it failed. */
const CONNECTION_MS = CONNECTION_TIMEOUT_MS + 50

let queue: CommandQueue
let expired: string[]

const owner: CommandOwner = {
  keeps: () => false,
  settled: (command) => queue.remove(command),
  failureOf: (error, command) => failureOf(error, 'localhost:6379', command),
}

beforeEach(() => {
  vi.useFakeTimers()
  expired = []
  const limits = { connectionTimeout: CONNECTION_TIMEOUT_MS, commandTimeout: LIFETIME_MS }
  queue = new CommandQueue(limits, (command) => {
    expired.push(command.name)
    command.fail(new Error('timed out'))
  })
})

afterEach(() => {
  queue.stop()
  vi.useRealTimers()
})

function add(name: string): TrackedCommand {
  const command = new TrackedCommand(owner, 'read', name, [], text)
  command.promise.catch(() => undefined)
  queue.add(command)
  return command
}

function names(): string[] {
  const found: string[] = []
  queue.forEach(({ name }) => {
    found.push(name)
  })
  return found
}

describe('a queue of commands before there is a connection', () => {
  it('gives each the time to connect', () => {
    add('a')
    vi.advanceTimersByTime(600)
    add('b')
    vi.advanceTimersByTime(CONNECTION_MS - 601)
    expect(expired).toEqual([])
    vi.advanceTimersByTime(2)
    expect(expired).toEqual(['a'])
    vi.advanceTimersByTime(600)
    expect(expired).toEqual(['a', 'b'])
  })

  it('has the time of all begin anew once there is one', () => {
    add('a')
    vi.advanceTimersByTime(CONNECTION_MS - 100)
    add('b')
    queue.connected()
    add('c')
    expect(vi.getTimerCount()).toBe(1)
    vi.advanceTimersByTime(LIFETIME_MS - 1)
    expect(expired).toEqual([])
    vi.advanceTimersByTime(2)
    expect(expired).toEqual(['a', 'b', 'c'])
    add('d')
    vi.advanceTimersByTime(LIFETIME_MS + 1)
    expect(expired).toEqual(['a', 'b', 'c', 'd'])
  })

  it('needs no timer once there is one and nothing waits', () => {
    add('a').resolve('OK')
    queue.connected()
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('a queue of commands', () => {
  beforeEach(() => queue.connected())

  it('keeps those without an answer, oldest first, whichever is answered', () => {
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(add) as [
      TrackedCommand,
      TrackedCommand,
      TrackedCommand,
      TrackedCommand,
    ]
    expect(names()).toEqual(['a', 'b', 'c', 'd'])
    b.resolve('OK')
    expect(names()).toEqual(['a', 'c', 'd'])
    a.resolve('OK')
    expect(names()).toEqual(['c', 'd'])
    d.reject(new Error('no'))
    add('e')
    expect(names()).toEqual(['c', 'e'])
    c.resolve('OK')
    expect(names()).toEqual(['e'])
    expect(queue.isEmpty).toBe(false)
  })

  it('lets each be settled while it is visited', () => {
    for (const name of ['a', 'b', 'c']) add(name)
    queue.forEach((command) => {
      command.fail(new Error('no'))
    })
    expect(queue.isEmpty).toBe(true)
  })

  it('ends each at its own time and no other', () => {
    add('a')
    vi.advanceTimersByTime(600)
    add('b')
    vi.advanceTimersByTime(399)
    expect(expired).toEqual([])
    vi.advanceTimersByTime(2)
    expect(expired).toEqual(['a'])
    vi.advanceTimersByTime(597)
    expect(expired).toEqual(['a'])
    vi.advanceTimersByTime(3)
    expect(expired).toEqual(['a', 'b'])
  })

  it('gives a command that comes after idleness its whole time', () => {
    add('a').resolve('OK')
    vi.advanceTimersByTime(900)
    add('b')
    vi.advanceTimersByTime(900)
    expect(expired).toEqual([])
    vi.advanceTimersByTime(101)
    expect(expired).toEqual(['b'])
  })

  it('ends those that expire in the same moment together', () => {
    for (const name of ['a', 'b', 'c']) add(name)
    vi.advanceTimersByTime(LIFETIME_MS + 1)
    expect(expired).toEqual(['a', 'b', 'c'])
  })

  it('needs one timer for all, and none once it was stopped', () => {
    for (let i = 0; i < 100; i += 1) add('a')
    expect(vi.getTimerCount()).toBe(1)
    queue.forEach((command) => {
      command.resolve('OK')
    })
    queue.stop()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('knows when a command last waited for more than half of its time', () => {
    const a = add('a')
    vi.advanceTimersByTime(LIFETIME_MS / 2 - 1)
    expect(queue.slowAtMs).toBe(Number.NEGATIVE_INFINITY)
    vi.advanceTimersByTime(2)
    const slowAtMs = queue.slowAtMs
    expect(performance.now() - slowAtMs).toBeLessThan(2)
    vi.advanceTimersByTime(300)
    expect(queue.slowAtMs).toBeGreaterThan(slowAtMs)
    a.resolve('OK')
    const lastSlowAtMs = queue.slowAtMs
    vi.advanceTimersByTime(10 * LIFETIME_MS)
    expect(queue.slowAtMs).toBe(lastSlowAtMs)
  })

  it('finds none slow that is answered in half of its time, however many there are', () => {
    for (let i = 0; i < 50; i += 1) {
      const command = add('a')
      vi.advanceTimersByTime(LIFETIME_MS / 2 - 1)
      command.resolve('OK')
    }
    expect(queue.slowAtMs).toBe(Number.NEGATIVE_INFINITY)
    expect(vi.getTimerCount()).toBeLessThan(2)
  })

  it('tells everyone who waits that it is empty', async () => {
    const a = add('a')
    const b = add('b')
    const told: string[] = []
    const waits = ['one', 'two'].map((who) => queue.drained().then(() => told.push(who)))
    a.resolve('OK')
    await Promise.resolve()
    expect(told).toEqual([])
    b.reject(new Error('no'))
    await Promise.all(waits)
    expect(told).toEqual(['one', 'two'])
    await queue.drained()
  })
})

describe('the timer of the queue keeps the process alive', () => {
  beforeEach(() => queue.connected())

  // `getActiveResourcesInfo` knows no fake timers; a fake one tells by `hasRef`.
  function isHeld(): boolean {
    const timers = vi.mocked(setTimeout).mock.results.map(({ value }) => value as NodeJS.Timeout)
    return timers.some((timer) => timer.hasRef())
  }

  it('only while a command waits', () => {
    vi.spyOn(globalThis, 'setTimeout')
    const a = add('a')
    expect(isHeld()).toBe(true)
    a.resolve('OK')
    expect(isHeld()).toBe(false)
    const b = add('b')
    expect(isHeld()).toBe(true)
    b.resolve('OK')
    expect(isHeld()).toBe(false)
  })
})
