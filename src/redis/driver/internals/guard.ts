import type { Redis } from 'ioredis'
import { ReplyFrames, UnreadableReplies } from '../../protocol/reply-frames.js'
import { DriverCommand } from './command.js'
import { freeAnswered } from './command-queue.js'
import { joinWrites } from './joined-writes.js'

/** Has no password stand in ioredis' debug output or a tracer's span. */
function hidePassword(client: Redis): void {
  type Told = ((error: Error | null) => void) | undefined
  const auth = (credentials: string | string[], told: Told): Promise<unknown> => {
    const command = new DriverCommand('auth', [credentials].flat())
    void client.sendCommand(command)
    command.promise.then(
      () => told?.(null),
      (error: Error) => told?.(error),
    )
    return command.promise
  }
  Object.assign(client, { auth })
}

const guarded = new WeakSet<object>()

/**
 * Has the connection dropped, and made again, where replies come that ioredis would throw at, or that nobody has asked for: one of
 * them shifts all that follow. And shows no password. To be called before the client connects.
 */
export function guard(client: Redis): void {
  if (guarded.has(client)) return
  guarded.add(client)
  hidePassword(client)
  freeAnswered(client)
  // Before the socket is read for the first time. ioredis listens by now, with its parser and for the socket's next word.
  client.on('connect', () => guardStream(client.stream))
  client.on('error', (error: Error) => {
    if (error.message.startsWith('Command queue state error')) {
      client.stream.destroy(new UnreadableReplies())
    }
  })
  const { connector } = client as unknown as { connector: SentinelConnector }
  const { connectToSentinel } = connector
  if (connectToSentinel === undefined) return
  connector.connectToSentinel = (...args) => {
    const sentinel = connectToSentinel.apply(connector, args)
    guard(sentinel)
    return sentinel
  }
}

interface SentinelConnector {
  connectToSentinel?(...args: unknown[]): Redis
}

type DataListener = ((bytes: Buffer) => void) & { listener?: unknown }

function guardStream(stream: Redis['stream']): void {
  joinWrites(stream)
  const frames = new ReplyFrames()
  for (const listener of stream.rawListeners('data') as DataListener[]) {
    // Of those that listen once, none reads.
    if (listener.listener !== undefined) continue
    stream.off('data', listener)
    stream.prependListener('data', (bytes: Buffer) => {
      if (stream.destroyed) return
      try {
        frames.check(bytes)
        listener.call(stream, bytes)
      } catch {
        stream.destroy(new UnreadableReplies(bytes))
      }
    })
  }
}
