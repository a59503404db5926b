import type { Composition } from '../database/composition.js'
import { inCalls } from '../database/in-calls.js'
import type { Operations } from '../database/operations.js'
import { operationsOf } from '../database/operations-of.js'
import type { RedisOAuthDatabase } from '../database/redis-oauth-database.js'
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

/**
 * Gives what the steps find, one by one.
 * @throws TypeError for what is no database, and for options that are none
 */
export function walk<T>(
  db: RedisOAuthDatabase,
  name: string,
  stepsOf: (parts: Composition) => AsyncGenerator<WalkStep<T>, void, undefined>,
  options: WalkOptions,
): AsyncGenerator<T, void, undefined> {
  checkWalkOptions(options)
  const operations = operationsOf(db)
  return found(operations, name, stepsOf(operations.parts), options)
}

async function* found<T>(
  operations: Operations,
  name: string,
  steps: AsyncGenerator<WalkStep<T>, void, undefined>,
  { onProgress, signal }: WalkOptions,
): AsyncGenerator<T, void, undefined> {
  let seen = 0
  let count = 0
  for await (const step of inCalls(operations, name, steps, { signal, seen: () => seen })) {
    seen += step.seen
    for (const one of step.found) {
      count += 1
      yield one
      operations.checkOpen(name)
    }
    onProgress?.({ seen, found: count })
  }
  onProgress?.({ seen, found: count })
}
