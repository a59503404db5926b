export interface RetryLimits {
  /** Milliseconds without an answer after which the connection counts as dead. */
  readonly commandTimeout: number
  /** Milliseconds between attempts to connect while a command waits. */
  readonly retryDelayOnFailover: number
  /** Further attempts that a waiting command outlasts. */
  readonly maxRetriesPerRequest: number
}

/** Why a command fails that waited all its time for a connection, where nothing else is known. */
export const NO_CONNECTION: Error = Object.assign(new Error('no connection in time'), {
  code: 'ETIMEDOUT',
})

const MAX_IDLE_RETRY_MS = 1_000

/** Between attempts that nobody waits for: ever longer up to a second, and not the same for all processes. */
export function idleDelayMs(failures: number, retryDelayMs: number): number {
  const backoffMs = Math.min(retryDelayMs * 2 ** Math.min(failures, 10), MAX_IDLE_RETRY_MS)
  return Math.max(retryDelayMs, backoffMs * (0.5 + Math.random() / 2))
}
