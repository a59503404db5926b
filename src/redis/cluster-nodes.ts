import { type Cluster, Command, type Redis } from 'ioredis'
import type { TrackedCommand } from './command.js'

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

/** Every master, or the one that serves the slot of `slotKey`, where that is known. */
export function mastersOf(cluster: Cluster, slotKey: string | undefined): readonly Redis[] {
  const owner = slotKey === undefined ? undefined : masterOf(cluster, slotKey)
  return owner === undefined ? cluster.nodes('master') : [owner]
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

/** Which master serves which slots, as each says of itself; with a `[` for every slot that is on its way. */
export async function layoutOf(cluster: Cluster): Promise<string> {
  const descriptions = await Promise.all(cluster.nodes('master').map(describeSelf))
  return descriptions.sort().join('\n')
}

async function describeSelf(node: Redis): Promise<string> {
  try {
    const nodes = (await node.cluster('NODES')) as string
    const self = nodes.split('\n').find((line) => line.includes('myself')) ?? '['
    // Beside the id, only the slots, which follow the eight columns on the state of the link.
    const columns = self.split(' ')
    return [columns[0], ...columns.slice(8)].join(' ')
  } catch {
    // What cannot be read may have changed.
    return '['
  }
}

export function slotOf(key: string): number {
  return new Command('get', [key]).getSlot()
}
