import { Redis } from 'ioredis'
import { open as openOurs } from './ours.mjs'

/**
 * The near cache as it would be if Redis reported only keys that the process has read: `CLIENT TRACKING` without `BCAST`, on the
 * connection that reads. The library asks for `BCAST` on a copy of its client, and this one translates.
 */
export function open({ url, tls }, records, options) {
  const client = new Redis(url, { tls })
  const duplicate = client.duplicate.bind(client)
  client.duplicate = (override) => {
    const copy = duplicate(override)
    const call = copy.call.bind(copy)
    // When the cache rests, Redis need not remember what is read.
    copy.once('end', () => {
      client.call('CLIENT', 'TRACKING', 'OFF').catch(() => {})
    })
    copy.call = (name, ...args) => {
      const [subcommand, , , id] = args
      return subcommand === 'TRACKING'
        ? client.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', id)
        : call(name, ...args)
    }
    return copy
  }
  const store = openOurs({ url: undefined }, records, { ...options, client })
  return {
    ...store,
    async close() {
      await store.close()
      await client.quit()
    },
  }
}
