import { monotonicMs } from '../../leaves/clock.js'

export interface RetryLimits {
  /** Milliseconds for one attempt to connect. */
  readonly connectionTimeout: number
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

/** The same of a connection that the server ended before it had ever answered. */
export const NEVER_ANSWERED: Error = new Error('ended before it answered')

/** The same of a server whose first words are none of Redis'. */
export const NO_REDIS: Error = new Error('answered in another protocol')

/**
 * How long an attempt to connect may last. Once there was a connection, a silent one is given up sooner: the server may have
 * gone, and its name lead elsewhere by now. Every third attempt takes longer than the third before it, for a server that has to
 * wake up. Those between stay short: after packets were lost, an attempt that began too early must not outlast the loss by much,
 * since others wait for the pair of tokens that this process may hold.
 */
export function attemptLimitMs(
  { connectionTimeout, commandTimeout }: RetryLimits,
  wasConnected: boolean,
  failures: number,
): number {
  if (!wasConnected) return connectionTimeout
  const growth = failures % 3 === 0 ? 2 ** (failures / 3) : 1
  return Math.min(connectionTimeout, commandTimeout * growth)
}

const MAX_IDLE_RETRY_MS = 1_000

/** Between attempts that nobody waits for: ever longer up to a second, and not the same for all processes. */
export function idleDelayMs(failures: number, retryDelayMs: number): number {
  const backoffMs = Math.min(retryDelayMs * 2 ** Math.min(failures, 10), MAX_IDLE_RETRY_MS)
  return Math.max(retryDelayMs, backoffMs * (0.5 + Math.random() / 2))
}

/**
 * The same for a client that counts each connection that was accepted as one that succeeded: here those that ended soon, too,
 * count as failures. Called at each end.
 */
export function idleDelays(retryDelayMs: number, now: () => number = monotonicMs): () => number {
  let failures = 0
  let endedAtMs = Number.NEGATIVE_INFINITY
  return () => {
    const endsAtMs = now()
    failures = endsAtMs - endedAtMs > 2 * MAX_IDLE_RETRY_MS ? 0 : failures + 1
    endedAtMs = endsAtMs
    return idleDelayMs(failures, retryDelayMs)
  }
}
