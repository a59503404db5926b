import type { FetchLike } from '../contract.js'
import { RedisOAuthDatabaseError } from '../errors.js'
import type { Answer, FetchInit } from './answers.js'

/**
 * Sends a request that others wait for. It ends after `requestMs`, and only then: a caller who loses patience must
 * not tear down a refresh that the server may have carried out.
 */
export async function boundedRequest(
  fetch: FetchLike,
  url: string | URL,
  init: FetchInit,
  requestMs: number,
): Promise<Answer> {
  const controller = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(
        new RedisOAuthDatabaseError(
          'OUTCOME_UNKNOWN',
          `The authorization server did not answer within ${requestMs} ms; whether it acted is unknown.`,
        ),
      )
      controller.abort()
    }, requestMs)
  })
  try {
    return await Promise.race([fetch(url, { ...init, signal: controller.signal }), late])
  } finally {
    clearTimeout(timer)
  }
}

/** Gives up on `work` when the caller's own signal aborts; the work goes on. */
export function unlessAborted<T>(work: Promise<T>, signal: unknown): Promise<T> {
  if (!(signal instanceof AbortSignal)) return work
  work.catch(() => undefined)
  return new Promise((resolve, reject) => {
    const abort = () =>
      reject(signal.reason ?? new RedisOAuthDatabaseError('ABORTED', 'The caller gave up.'))
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
