// The child's side of `processes.ts`.

/**
 * Answers the calls of the process that started this one, by the functions given. It keeps the process alive only as long
 * as the other side wants it.
 * @param {Record<string, (...args: any[]) => unknown>} handlers
 */
export function serve(handlers) {
  const answer = async ({ id, name, args }) => {
    try {
      const handler = handlers[name]
      if (handler === undefined) throw new TypeError(`this process answers no ${name}`)
      process.send?.({ id, value: await handler(...args) })
    } catch (error) {
      process.send?.({ id, error: portable(error) })
    }
  }
  process.on('message', (call) => {
    void answer(call)
  })
  process.send?.({ ready: true })
}

function portable(error) {
  if (!(error instanceof Error)) return { message: String(error) }
  const { name, message, stack, code } = error
  return { name, message, stack, code }
}
