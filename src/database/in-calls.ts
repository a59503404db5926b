import { RedisOAuthDatabaseError } from '../leaves/errors.js'
import type { Operations } from './operations.js'

interface Aborting {
  readonly signal?: AbortSignal | undefined
  /** How many keys were looked at, for the error when `signal` aborts. */
  readonly seen?: () => number
}

/** The steps of a walk, each a call of its own: `close` waits for those, and not for whoever takes the results. */
export async function* inCalls<S>(
  operations: Operations,
  name: string,
  steps: AsyncGenerator<S, void, undefined>,
  { signal, seen = () => 0 }: Aborting = {},
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
