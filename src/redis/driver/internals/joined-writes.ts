import type { Redis } from 'ioredis'

/** Longer ones leave as they are: to join them would only copy them. */
const MAX_CHARACTERS = 65_536

/**
 * Has commands that are written while the socket is corked go to it as one text. ioredis writes each by itself, and to hand them on
 * one by one, as a corked socket does, takes longer than to join them.
 */
export function joinWrites(stream: Redis['stream']): void {
  const { write, uncork } = stream
  let joined = ''
  const push = (): void => {
    if (joined === '') return
    const text = joined
    joined = ''
    write.call(stream, text)
  }
  stream.write = (chunk: string | Uint8Array, ...rest: unknown[]): boolean => {
    if (rest.length > 0 || typeof chunk !== 'string' || stream.writableCorked === 0) {
      push()
      return rest.length === 0
        ? write.call(stream, chunk)
        : Reflect.apply(write, stream, [chunk, ...rest])
    }
    if (joined.length + chunk.length > MAX_CHARACTERS) push()
    joined += chunk
    return true
  }
  // Also called by `end`.
  stream.uncork = () => {
    push()
    uncork.call(stream)
  }
}
