import { afterEach, beforeEach, vi } from 'vitest'

/**
 * Holds the time in each test of a file: clocks and timers go on when the test says so. Immediates are real, so whatever waits until
 * the sockets were read goes on by itself.
 */
export function holdTime(): void {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })
}
