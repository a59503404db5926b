import type { Redis } from 'ioredis'
import { isSlots } from '../protocol/replies.js'
import { ReplyFrames, UnreadableReplies } from '../protocol/reply-frames.js'
import { DriverCommand } from './internals.js'

// What stands between a client of ioredis and a server that lies. Beside `internals.ts` the one file that knows private parts of ioredis;
// each has a test that fails when ioredis changes it.

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

/** Has a client give no slots but such as a Cluster can have. ioredis walks them without a look, and throws past everyone. */
export function checkSlots(client: Redis): void {
  type Callback = (error: Error | null, reply?: unknown) => void
  const { cluster } = client as unknown as { cluster(...args: unknown[]): unknown }
  const ask = (subcommand: string, callback?: Callback): unknown => {
    if (callback === undefined) return cluster.call(client, subcommand)
    return cluster.call(client, subcommand, (error: Error | null, reply?: unknown) => {
      if (error === null && !isSlots(reply)) callback(new UnreadableReplies())
      else callback(error, reply)
    })
  }
  Object.assign(client, { cluster: ask })
}
