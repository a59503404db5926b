import { performance } from 'node:perf_hooks'

/** Unix time in milliseconds. */
export type UnixMs = number

/** The clock and the timer, handed in so that tests can hold the time. */
export interface Clock {
  now(): UnixMs
  /** Resolves after `ms`; keeps the process alive meanwhile. */
  sleep(ms: number): Promise<void>
}

export const systemClock: Clock = {
  now: Date.now,
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
}

/** For what each call asks: to look up the global `performance`, a getter, takes as long as to read the clock. */
export const monotonicMs = (): number => performance.now()

/** `setTimeout` fires at once for more. */
export const MAX_TIMER_MS: number = 2 ** 31 - 1

export interface TimeLimitOptions {
  /** Whether the process lives for it where nothing else keeps it alive. */
  readonly keepsAlive?: boolean
}

/**
 * Calls `end` once `ms` are over and the sockets were read: an answer that came while this process was busy, or asleep, counts.
 * @returns what calls it off
 */
export function timeLimit(
  ms: number,
  end: () => void,
  { keepsAlive = false }: TimeLimitOptions = {},
): () => void {
  let isOff = false
  const timer = setTimeout(() => {
    setImmediate(() => {
      if (!isOff) end()
    })
  }, ms)
  if (!keepsAlive) timer.unref?.()
  return () => {
    isOff = true
    clearTimeout(timer)
  }
}

/** As `work`, but rejects with `lateness()` once `ms` are over. */
export function within<T>(
  ms: number,
  work: Promise<T>,
  lateness: () => Error = () => new Error('timed out'),
  options?: TimeLimitOptions,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const callOff = timeLimit(ms, () => reject(lateness()), options)
    work.then(resolve, reject).finally(callOff)
  })
}

/** Resolves when `work` settles, either way, or after `ms`. */
export function settledWithin(ms: number, work: Promise<unknown>): Promise<void> {
  const settled = work.then(
    () => {},
    () => {},
  )
  return within(ms, settled, undefined, { keepsAlive: true }).catch(() => {})
}
