import type { Cluster, Command, Redis } from 'ioredis'
import { isRedirection, isSlots } from '../../protocol/replies.js'
import { UnreadableReplies } from '../../protocol/reply-frames.js'

/**
 * Sends to whom the key belongs, by ioredis' redirections. `isOver` is asked at each failure, be it a redirection or a lost connection,
 * whether the command has ended; else ioredis goes on with it.
 */
export function sendToCluster(cluster: Cluster, command: Command, isOver: IsOver): void {
  const { reject } = command
  const failed = (error: Error): void => {
    if (!isOver(error)) redirect(cluster, command, isOver, reject, readable(error))
  }
  command.reject = failed
  cluster.sendCommand(command, undefined, new Place(command.getSlot()))
}

type IsOver = (error: unknown) => boolean

/**
 * The slot of a command. ioredis' pipelines pass one, and ioredis notes the client in it. It leaves the redirections of such a command to
 * the caller; to any other it assigns a literal of a function as `reject`, which keeps up to 2,700 bytes alive, as `command.ts` says.
 */
class Place {
  readonly slot: number
  redis: Redis | undefined

  constructor(slot: number) {
    this.slot = slot
  }
}

/** Sends once more what failed, now with ioredis' own redirections, if ioredis would go on after such a failure. */
function redirect(
  cluster: Cluster,
  command: Command,
  isOver: IsOver,
  reject: Command['reject'],
  failure: Error,
): void {
  const end = (error: Error): void => reject.call(command, error)
  const again = (): void => {
    command.reject = end
    cluster.sendCommand(command)
    // ioredis has put its redirections in the place of `reject`.
    const { reject: goOn } = command
    const failedAgain = (error: Error): void => {
      if (!isOver(error)) goOn.call(command, readable(error))
    }
    command.reject = failedAgain
  }
  const moved = (slot: string | number, address: string): void => {
    cluster.slots[Number(slot)] = [address]
    void refreshSlots(cluster)
    again()
  }
  const handlers = { moved, ask: again, tryagain: again, clusterDown: again }
  const ends = { maxRedirections: end, defaults: () => end(failure) }
  cluster.handleError(failure, {}, { ...handlers, connectionClosed: again, ...ends })
}

/** ioredis would keep whatever stands in the place of the slot as the name of a property, and throw at what is no address. */
function readable(error: Error): Error {
  const { message } = error
  const isBad = /^(MOVED|ASK)\b/.test(message) && !isRedirection(message)
  return isBad ? new UnreadableReplies() : error
}

/** `host:port` of the master that serves a slot; undefined where that is not known. */
export function masterAddressOf(cluster: Cluster, slot: number): string | undefined {
  return cluster.slots[slot]?.[0]
}

/** Fails what waits for a connection of a Cluster's client when none could be had; ioredis would keep it until there is one. */
export function failWithoutConnection(cluster: Cluster): void {
  const { flushQueue } = cluster as unknown as { flushQueue(error: Error): void }
  cluster.on('close', () => flushQueue.call(cluster, new Error('Connection is closed.')))
}

/** Asks the nodes anew who serves what. Resolves when that has ended, well or not. */
export function refreshSlots(cluster: Cluster): Promise<void> {
  return new Promise((resolve) => cluster.refreshSlotsCache(() => resolve()))
}

/** Why the last node failed, when no node of a Cluster could be asked. */
export function lastNodeErrorOf(error: unknown): unknown {
  return (error as { lastNodeError?: unknown } | null | undefined)?.lastNodeError
}

/** Reports why a copy of a node could not connect, as ioredis does of the nodes themselves. */
export function reportNodeError(cluster: Cluster, error: unknown): void {
  cluster.emit('node error', error)
}

/**
 * Has a node of a Cluster never answer reads for its master, as ioredis would ask of each replica. Without connections to all masters it
 * sends to any node: a replica then answered with what its master had before, and failed scripts. Now it names the master.
 */
export function refuseReadsOfReplica(node: Redis): void {
  node.readonly = async () => 'OK'
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
