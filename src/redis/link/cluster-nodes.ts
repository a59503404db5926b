import type { Cluster, Redis } from 'ioredis'
import { masterAddressOf } from '../driver/internals/cluster.js'
import { SLOT_COUNT, slotOf } from '../protocol/slot.js'

/** The master that serves the slot of a key; undefined where that is not known. */
function masterOf(cluster: Cluster, key: string): Redis | undefined {
  const address = masterAddressOf(cluster, slotOf(key))
  return cluster
    .nodes('master')
    .find(({ options: { host, port } }) => `${host}:${port}` === address)
}

/** A key that this node serves, beginning with `prefix`. */
export function keyAt(cluster: Cluster, node: Redis, prefix: string): string {
  for (let tag = 0; tag < SLOT_COUNT; tag += 1) {
    const key = `${prefix}{${tag}}`
    if (masterOf(cluster, key) === node) return key
  }
  return prefix
}
