/** Rejects when there is no answer within `ms`. One that waits in the socket of a busy process counts. */
export function within<T>(
  ms: number,
  answer: Promise<T>,
  lateness: () => Error = () => new Error('timed out'),
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => setImmediate(() => reject(lateness())), ms)
    timer.unref()
    answer.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
