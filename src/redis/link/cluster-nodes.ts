import type { Cluster, Redis } from 'ioredis'
import type { TrackedCommand } from '../driver/command.js'
import { slotOf } from '../driver/slot.js'

/** Sends to whom the key belongs, by ioredis' redirections: a redirected command did nothing where it was refused. */
export function sendToCluster(cluster: Cluster, command: TrackedCommand): void {
  cluster.sendCommand(command)
  // ioredis has put its redirections in the place of `reject`.
  const { reject } = command
  command.reject = (error) => {
    command.refused(error)
    reject.call(command, error)
  }
}

/** The master that serves the slot of a key; undefined where that is not known. */
export function masterOf(cluster: Cluster, key: string): Redis | undefined {
  const address = cluster.slots[slotOf(key)]?.[0]
  return cluster
    .nodes('master')
    .find(({ options: { host, port } }) => `${host}:${port}` === address)
}

/** A key that this node serves, beginning with `prefix`. */
export function keyAt(cluster: Cluster, node: Redis, prefix: string): string {
  const { length: slots } = cluster.slots
  for (let tag = 0; tag < slots; tag += 1) {
    const key = `${prefix}{${tag}}`
    if (masterOf(cluster, key) === node) return key
  }
  return prefix
}

/** Who serves what, asked anew. That it fails shows in the commands that follow. */
export function renewSlots(cluster: Cluster): void {
  cluster.refreshSlotsCache(() => {})
}
