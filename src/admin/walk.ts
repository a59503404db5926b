import type { Operations } from '../database/operations.js'
import { RedisOAuthDatabaseError } from '../errors.js'
import { abortSignal, type ChecksOf, callback, members } from '../options/checks.js'

export interface WalkProgress {
  /** Keys looked at so far; one may be counted twice while Redis resizes its table. */
  readonly seen: number
  /** Results given so far. */
  readonly found: number
}

/** Of functions that walk the keyspace. */
export interface WalkOptions {
  /**
   * Called after every step, about 1000 keys of Redis, and at the end. What it throws ends the walk.
   * @example
   * ```ts
   * import { users } from '@atxp/redis/admin'
   *
   * const onProgress = ({ seen, found }: { seen: number; found: number }) => console.info(seen, found)
   * for await (const userId of users(db, { onProgress })) console.log(userId)
   * ```
   */
  readonly onProgress?: ((progress: WalkProgress) => void) | undefined
  /**
   * Ends the walk between two steps.
   * @example
   * ```ts
   * import { users } from '@atxp/redis/admin'
   *
   * const signal = AbortSignal.timeout(60_000)
   * for await (const userId of users(db, { signal })) console.log(userId)
   * ```
   */
  readonly signal?: AbortSignal | undefined
}

/** What one step of a walk came to. */
export interface WalkStep<T> {
  readonly seen: number
  readonly found: readonly T[]
}

/** Of what walks, exports and imports have in common. */
export const WALK_CHECKS: ChecksOf<WalkOptions> = { onProgress: callback, signal: abortSignal }

const walkOptions = members('an object', WALK_CHECKS)

/** @throws TypeError that names the option and what it takes */
export function checkWalkOptions(options: WalkOptions): void {
  walkOptions(options, 'options')
}

/** Gives what the steps find, one by one. */
export async function* walk<T>(
  operations: Operations,
  name: string,
  steps: AsyncGenerator<WalkStep<T>, void, undefined>,
  { onProgress, signal }: WalkOptions,
): AsyncGenerator<T, void, undefined> {
  let seen = 0
  let found = 0
  for await (const step of inCalls(operations, name, steps, signal, () => seen)) {
    seen += step.seen
    for (const one of step.found) {
      found += 1
      yield one
      operations.checkOpen(name)
    }
    onProgress?.({ seen, found })
  }
  onProgress?.({ seen, found })
}

/**
 * The steps, each a call of its own: `close` waits for those, and not for whoever takes the results.
 * @param seen - how many keys were looked at, for the error when `signal` aborts
 */
export async function* inCalls<S>(
  operations: Operations,
  name: string,
  steps: AsyncGenerator<S, void, undefined>,
  signal: AbortSignal | undefined,
  seen: () => number,
): AsyncGenerator<S, void, undefined> {
  const next = (): Promise<IteratorResult<S, void>> =>
    operations.run(name, () => {
      if (!signal?.aborted) return steps.next()
      throw new RedisOAuthDatabaseError('ABORTED', `its signal aborted it after ${seen()} keys`)
    })
  try {
    for (let step = await next(); !step.done; step = await next()) yield step.value
  } finally {
    // Not waited for: a step that was given up may hang.
    steps.return().catch(() => {})
  }
}
