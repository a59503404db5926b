import { Command, type Redis } from 'ioredis'
import { type Argument, frameOf } from '../../protocol/frame.js'

/**
 * A command that clients of ioredis 5 and 6 take. ioredis asks `toWritable` for its bytes, with the socket, when it sends it.
 * Its `args` are what everyone may see of it: tracers and ioredis' own debug output show them, and errors carry them.
 */
export class DriverCommand extends Command {
  /** What ioredis' `reject` leads to, see `showErrors`. */
  declare rejectShown: (error: Error) => void
  readonly #sent: readonly Argument[]
  #timer: NodeJS.Timeout | undefined

  constructor(name: string, args: Argument[]) {
    super(name, [])
    // ioredis would copy them with `flat`, which costs more than all else here together. Without a copy V8 comes to make the
    // callers' literals in old space, where they keep their strings alive when they are dead.
    this.#sent = args.slice()
    this.args = args.slice(0, shownCount(name, args))
    // ioredis' tracing channel shows what every command is answered, and that are tokens.
    this.isTraced = true
  }

  /** The limit of a borrowed client, told at each sending. ioredis ends its own timer where it settles its own promise. */
  override setTimeout(ms: number): void {
    if (this.#timer !== undefined) return
    this.#timer = setTimeout(() => this.reject(new Error('Command timed out')), ms)
    const clear = (): void => clearTimeout(this.#timer)
    this.promise.then(clear, clear)
  }

  protected frame(): string | Buffer {
    return frameOf(this.name, this.#sent)
  }

  override toWritable(_socket: object): string | Buffer {
    return this.frame()
  }

  /** ioredis 6 says here how it decodes the replies of its connection. Those of our commands are the same in every way. */
  setReplyContext(): void {}
}

// ioredis' own functions look for timers, convert the reply and mend the error's stack, and cost 4 % of all that a save does.
// And it assigns the literal itself of one to `reject`: V8 makes such a function in old space, on Node 24 and 26 always, where, dead, it
// keeps the command and its answer alive until the next full collection.
Object.defineProperty(DriverCommand.prototype, 'initPromise', {
  value(this: DriverCommand): void {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
  },
})

/** How many of the first arguments are no secret. All that a Cluster finds the node by are among them: the keys. */
function shownCount(name: string, args: readonly Argument[]): number {
  if (name === 'set') return 1
  if (name === 'eval') return 2 + Number(args[1])
  return name === 'auth' ? 0 : args.length
}

/** Has all that stand between ioredis and a command, as tracers do, see of an error what `shown` makes of it. */
export function showErrors<T extends DriverCommand>(
  { prototype }: { readonly prototype: T },
  shown: (error: Error, command: T) => Error,
): void {
  Object.defineProperty(prototype, 'reject', {
    get(this: T) {
      const { rejectShown } = this
      return (error: Error) => rejectShown.call(this, shown(error, this))
    },
    set(this: T, reject: (error: Error) => void) {
      this.rejectShown = reject
    },
  })
}

const reporting = new WeakSet<object>()

/**
 * Has each command hear that Redis refused it, also where ioredis sends it again without a word, since the client's `reconnectOnError`
 * says so (2).
 */
export function reportRefusals(
  client: Redis,
  refused: (command: Command, error: Error) => void,
): void {
  if (client.options.reconnectOnError == null || reporting.has(client)) return
  reporting.add(client)
  const parts = client as unknown as {
    handleReconnection(error: Error, item: { command: Command }): void
  }
  const { handleReconnection } = parts
  parts.handleReconnection = (error, item) => {
    refused(item.command, error)
    handleReconnection.call(client, error, item)
  }
}
