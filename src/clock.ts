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
