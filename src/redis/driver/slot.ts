import { Command } from 'ioredis'

/** The hash slot of a key in a Cluster. */
export function slotOf(key: string): number {
  return new Command('get', [key]).getSlot()
}
