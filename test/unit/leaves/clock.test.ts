import { expect, test, vi } from 'vitest'
import { settledWithin, timeLimit, within } from '../../../src/leaves/clock.js'
import { holdTime } from '../../support/held-time.js'

holdTime()

/** What became of it, as far as is known now. */
function outcomeOf(work: Promise<unknown>): { outcome: unknown } {
  const seen: { outcome: unknown } = { outcome: 'under way' }
  work.then(
    (value) => {
      seen.outcome = value
    },
    (error: Error) => {
      seen.outcome = error.message
    },
  )
  return seen
}

test('a time limit ends once its time is over, and not when it is called off', async () => {
  const ends: string[] = []
  timeLimit(100, () => ends.push('one'))
  const callOff = timeLimit(100, () => ends.push('two'))
  await vi.advanceTimersByTimeAsync(99)
  expect(ends).toEqual([])
  callOff()
  await vi.advanceTimersByTimeAsync(1)
  expect(ends).toEqual(['one'])
  expect(vi.getTimerCount()).toBe(0)
})

test('an answer that is read right after the time is over counts', async () => {
  let isEnded = false
  const callOff = timeLimit(100, () => {
    isEnded = true
  })
  vi.advanceTimersByTime(100)
  callOff()
  await new Promise((resolve) => setImmediate(resolve))
  expect(isEnded).toBe(false)
})

test('a time limit keeps no process alive unless it is told to', () => {
  vi.useRealTimers()
  const timers = vi.spyOn(globalThis, 'setTimeout')
  const callOffs = [timeLimit(60_000, () => {}), timeLimit(60_000, () => {}, { keepsAlive: true })]
  const alive = timers.mock.results.map(({ value }) => (value as NodeJS.Timeout).hasRef())
  for (const callOff of callOffs) callOff()
  timers.mockRestore()
  expect(alive).toEqual([false, true])
})

test('work within its time ends as it does, and leaves no timer', async () => {
  expect(await within(100, Promise.resolve('done'))).toBe('done')
  await expect(within(100, Promise.reject(new Error('failed')))).rejects.toThrow('failed')
  expect(vi.getTimerCount()).toBe(0)
})

test('work that takes longer fails by the error that was asked for, and its own end is no matter', async () => {
  let fail: (error: Error) => void = () => {}
  const work = new Promise<never>((_, reject) => {
    fail = reject
  })
  const seen = outcomeOf(within(100, work, () => new Error('too late')))
  await vi.advanceTimersByTimeAsync(99)
  expect(seen.outcome).toBe('under way')
  await vi.advanceTimersByTimeAsync(1)
  expect(seen.outcome).toBe('too late')
  fail(new Error('failed'))
  await vi.advanceTimersByTimeAsync(0)
  expect(seen.outcome).toBe('too late')
})

test('waiting for something that settles, either way, ends with it, and with its time at the latest', async () => {
  await settledWithin(500, Promise.resolve())
  await settledWithin(500, Promise.reject(new Error('failed')))
  const seen = outcomeOf(settledWithin(500, new Promise(() => undefined)))
  await vi.advanceTimersByTimeAsync(499)
  expect(seen.outcome).toBe('under way')
  await vi.advanceTimersByTimeAsync(1)
  expect(seen.outcome).toBeUndefined()
})
