import type { ConnectionOptions } from 'node:tls'
import { type Cluster, Command, type Redis, SentinelConnector } from 'ioredis'
import { withServerName } from '../address/server-name.js'
import { type Argument, frameOf } from '../protocol/frame.js'
import { changedKeys } from '../protocol/replies.js'
import { UnreadableReplies } from '../protocol/reply-frames.js'
import { SLOT_COUNT } from '../protocol/slot.js'

// Everything that the library knows of ioredis beyond its documentation, and nothing else in src does: a unit test holds that.
// Each of these has a test that fails when ioredis changes it, on the oldest ioredis that is allowed and on the newest.

/** What ioredis says of the last Sentinel that it asked, when none could be asked; undefined of another failure. */
export function lastSentinelErrorOf(message: string): string | undefined {
  if (!message.startsWith('All sentinels are unreachable')) return undefined
  return message.split('Last error: ')[1] ?? ''
}

/** Why the last node failed, when no node of a Cluster could be asked. */
export function lastNodeErrorOf(error: unknown): unknown {
  return (error as { lastNodeError?: unknown } | null | undefined)?.lastNodeError
}

/** ioredis' words for its own time limits: of a command, of a Sentinel, of the question for a Cluster's slots. */
export const TIMED_OUT: RegExp = /timed out|^timeout$/i

/** With which ioredis' own errors begin. What stands behind may be a reply. */
export const DRIVER_TEXTS: readonly string[] = [
  'All sentinels are unreachable',
  'Cluster is ended',
  'Command aborted due to connection close',
  'Command queue state error',
  'Command timed out',
  'Connection in subscriber mode',
  'Connection is closed.',
  'Failed to refresh slots cache',
  'None of startup nodes is available',
  'Protocol error',
  'Reached the max retries per request limit',
  'Ready check failed',
  'Socket timeout',
  "Stream isn't writeable and enableOfflineQueue options is false",
  'Too many Cluster redirections',
  'connect ETIMEDOUT',
  'timeout',
]

/**
 * A command that clients of ioredis 5 and 6 take. ioredis asks `toWritable` for its bytes, with the socket, when it sends it.
 * Its `args` are what everyone may see of it: tracers and ioredis' own debug output show them, and errors carry them.
 */
export class DriverCommand extends Command {
  /** What ioredis' `reject` leads to, see `showErrors`. */
  declare rejectShown: (error: Error) => void
  readonly #sent: readonly Argument[]

  constructor(name: string, args: Argument[]) {
    super(name, [])
    // ioredis would copy them with `flat`, which costs more than all else here together. Without a copy V8 comes to make the
    // callers' literals in old space, where they keep their strings alive when they are dead.
    this.#sent = args.slice()
    this.args = args.slice(0, shownCount(name, args))
    // ioredis' tracing channel shows what every command is answered, and that are tokens.
    this.isTraced = true
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

/** How many of the first arguments are no secret. All that a Cluster finds the node by are among them: the keys. */
function shownCount(name: string, args: readonly Argument[]): number {
  if (name === 'set') return 1
  if (name === 'eval') return 2 + Number(args[1])
  return name === 'auth' ? 0 : args.length
}

/** Has all that stand between ioredis and a command, as tracers do, see of an error what `shown` makes of it. */
export function showErrors(
  { prototype }: { readonly prototype: DriverCommand },
  shown: (error: Error) => Error,
): void {
  Object.defineProperty(prototype, 'reject', {
    get(this: DriverCommand) {
      const { rejectShown } = this
      return (error: Error) => rejectShown.call(this, shown(error))
    },
    set(this: DriverCommand, reject: (error: Error) => void) {
      this.rejectShown = reject
    },
  })
}

/** Has only an open socket keep the process alive, and not the wait for the next attempt. */
export function reconnectInBackground(client: Redis | Cluster): void {
  client.on('reconnecting', () => {
    const { reconnectTimeout } = client as unknown as { reconnectTimeout?: NodeJS.Timeout }
    reconnectTimeout?.unref()
  })
}

/** Has `prepare` run before each connection that ioredis makes; none is made any more once the client was told to end. */
export function beforeConnecting(client: Redis, prepare: () => Promise<void>): void {
  const { connect, disconnect } = client
  let connecting: Promise<void> | undefined
  let isEnded = false
  client.disconnect = (reconnect = false) => {
    isEnded ||= !reconnect
    disconnect.call(client, reconnect)
  }
  client.connect = () => {
    // ioredis makes this when it connects, and cannot queue a command before.
    const parts = client as unknown as { condition?: object }
    parts.condition ??= { select: client.options.db, subscriber: false }
    connecting ??= prepare()
      .then(() => {
        if (isEnded) throw new Error('Connection is closed.')
        return connect.call(client)
      })
      .finally(() => {
        connecting = undefined
      })
    return connecting
  }
}

/** Has `prepare` get each copy of a client before it connects. A Cluster asks for the slots over such copies of its nodes. */
export function onCopy(client: Redis, prepare: (copy: Redis) => void): void {
  const duplicate = client.duplicate.bind(client)
  client.duplicate = (override) => {
    const copy = duplicate(override)
    prepare(copy)
    return copy
  }
}

/** What the next connection logs in with. */
export function setCredentials(
  { options }: Redis,
  username: string | undefined,
  password: string,
): void {
  delete options.username
  if (username !== undefined) options.username = username
  options.password = password
}

/** Options that ioredis reads anew each time that it needs them. */
export interface ChangeableOptions {
  host?: string | undefined
  port?: number | undefined
  tls?: ConnectionOptions
  /** Milliseconds for the answer of one Sentinel, its connection included. */
  sentinelCommandTimeout?: number
  /** Milliseconds that a node may be silent while a command waits for its answer. */
  socketTimeout?: number
  /** Milliseconds for a node of a Cluster to say who serves what, its connection included. */
  slotsRefreshTimeout?: number
}

export function setOptions({ options }: Redis | Cluster, changes: ChangeableOptions): void {
  Object.assign(options, changes)
}

interface SentinelSteps {
  options: { tls?: ConnectionOptions; sentinelTLS?: ConnectionOptions; family?: 0 | 4 | 6 }
  /** Of one Sentinel. */
  connectToSentinel(address: { host: string }, options?: object): Redis
  /** Where the master is, by one Sentinel. What it gives is what Node connects to, under the options for TLS. */
  resolve(address: object): Promise<{ host: string } | null>
}

/** What ioredis makes for Sentinel, but that each Sentinel and the master get their own name for TLS, and the IP version. */
export class NamingSentinelConnector extends SentinelConnector {
  constructor(options: unknown) {
    super(options as ConstructorParameters<typeof SentinelConnector>[0])
    const steps = this as unknown as SentinelSteps
    const { connectToSentinel, resolve } = steps
    steps.connectToSentinel = (address, others) => {
      const { sentinelTLS } = steps.options
      const tls = sentinelTLS && { tls: withServerName(sentinelTLS, address.host) }
      return connectToSentinel.call(this, address, { ...others, ...tls })
    }
    steps.resolve = async (address) => {
      const master = await resolve.call(this, address)
      if (master === null) return null
      const { tls, family } = steps.options
      const named = tls && { servername: withServerName(tls, master.host).servername }
      return { ...master, ...named, family }
    }
  }
}

/** Has `listener` hear which keys have changed, of a connection that is told so; null: any may have. */
export function onInvalidation(
  client: Redis,
  listener: (keys: readonly Buffer[] | null) => void,
): void {
  // Redis publishes an array where others publish text, and ioredis hands it on as it is.
  client.on('messageBuffer', (_channel: Buffer, keys: unknown) => {
    listener(changedKeys(keys))
  })
}

/** Reports why a copy of a node could not connect, as ioredis does of the nodes themselves. */
export function reportNodeError(cluster: Cluster, error: unknown): void {
  cluster.emit('node error', error)
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

/**
 * Sends to whom the key belongs, by ioredis' redirections. `isOver` is asked at each failure, be it a redirection or a lost connection,
 * whether the command has ended; else ioredis goes on with it.
 */
export function sendToCluster(
  cluster: Cluster,
  command: Command,
  isOver: (error: unknown) => boolean,
): void {
  cluster.sendCommand(command)
  // ioredis has put its redirections in the place of `reject`.
  const { reject } = command
  command.reject = (error) => {
    if (isOver(error)) return
    reject.call(command, isBadRedirection(error) ? new UnreadableReplies() : error)
  }
}

/** ioredis would keep whatever stands in the place of the slot as the name of a property, and throw at what is no address. */
function isBadRedirection({ message }: Error): boolean {
  return /^(MOVED|ASK)\b/.test(message) && !isRedirection(message)
}

/** Whether it says of a slot who serves it, and nothing else. */
export function isRedirection(message: string): boolean {
  const [, slot, port] = /^(?:MOVED|ASK) (\d{1,5}) [\w.:-]*:(\d{1,5})$/.exec(message) ?? []
  return slot !== undefined && Number(slot) < SLOT_COUNT && Number(port) < 2 ** 16
}

/** `host:port` of the master that serves a slot; undefined where that is not known. */
export function masterAddressOf(cluster: Cluster, slot: number): string | undefined {
  return cluster.slots[slot]?.[0]
}

/** Asks the nodes anew who serves what. Resolves when that has ended, well or not. */
export function refreshSlots(cluster: Cluster): Promise<void> {
  return new Promise((resolve) => cluster.refreshSlotsCache(() => resolve()))
}
