/** What `storeTokens` and imports take. */
export type Source<T> = Iterable<T> | AsyncIterable<T>

/** The source, which ends when one of `ends` aborts. That ends also the wait for a source that hangs. */
export function untilAborted<T>(source: Source<T>, ends: readonly AbortSignal[]): Source<T> {
  return Symbol.asyncIterator in source ? abortable(source[Symbol.asyncIterator](), ends) : source
}

async function* abortable<T>(
  source: AsyncIterator<T>,
  ends: readonly AbortSignal[],
): AsyncGenerator<T, void, undefined> {
  let stop: (() => void) | undefined
  const onAbort = () => stop?.()
  // Not by `Promise.race`, which would keep something of every entry until the signal aborts.
  const next = () =>
    new Promise<IteratorResult<T> | undefined>((resolve, reject) => {
      stop = () => resolve(undefined)
      source.next().then(resolve, reject)
    })
  let isOpen = true
  for (const end of ends) end.addEventListener('abort', onAbort)
  try {
    while (!ends.some(({ aborted }) => aborted)) {
      isOpen = false
      const result = await next()
      isOpen = result?.done !== true
      if (result === undefined || result.done) return
      yield result.value
    }
  } finally {
    for (const end of ends) end.removeEventListener('abort', onAbort)
    // Not waited for: a source that hangs would hang here, too.
    if (isOpen) void source.return?.().catch(() => {})
  }
}
