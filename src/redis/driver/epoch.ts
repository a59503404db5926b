import type { Cluster, Redis } from 'ioredis'

/** Counts a client's connections. Private in its types, and there since ioredis 4. */
export function epochOf(client: Redis | Cluster): number {
  return (client as unknown as { connectionEpoch?: number }).connectionEpoch ?? 0
}
