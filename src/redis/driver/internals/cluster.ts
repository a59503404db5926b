import type { Cluster, Command, Redis } from 'ioredis'
import { isRedirection, isSlots } from '../../protocol/replies.js'
import { UnreadableReplies } from '../../protocol/reply-frames.js'

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
  const failed = (error: Error): void => {
    if (isOver(error)) return
    reject.call(command, isBadRedirection(error) ? new UnreadableReplies() : error)
  }
  command.reject = failed
}

/** ioredis would keep whatever stands in the place of the slot as the name of a property, and throw at what is no address. */
function isBadRedirection({ message }: Error): boolean {
  return /^(MOVED|ASK)\b/.test(message) && !isRedirection(message)
}

/** `host:port` of the master that serves a slot; undefined where that is not known. */
export function masterAddressOf(cluster: Cluster, slot: number): string | undefined {
  return cluster.slots[slot]?.[0]
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
