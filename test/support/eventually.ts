const POLL_MS = 10

/**
 * Polls until `check` holds: until it neither throws nor answers `false`. Gives its answer, or throws after
 * `withinMs` with the last reason. Any other answer holds, `undefined` too, so that a block of `expect`s will do.
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  { withinMs = 5_000 }: { withinMs?: number } = {},
): Promise<T> {
  const deadline = Date.now() + withinMs
  let reason: unknown = 'the check was false'
  do {
    try {
      const answer = await settledBy(deadline, check)
      if (answer !== false) return answer
      reason = 'the check was false'
    } catch (error) {
      reason = error
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  } while (Date.now() < deadline)
  const text = reason instanceof Error ? reason.message : String(reason)
  throw new Error(`not so within ${withinMs} ms: ${text}`, { cause: reason })
}

async function settledBy<T>(deadline: number, check: () => T | Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const leftMs = Math.max(deadline - Date.now(), POLL_MS)
    timer = setTimeout(() => reject(new Error('the check did not settle')), leftMs)
  })
  try {
    return await Promise.race([check(), late])
  } finally {
    clearTimeout(timer)
  }
}
