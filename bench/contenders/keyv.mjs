import KeyvRedis, { createClient, Keyv } from '@keyv/redis'
import { RESOURCE, tokenOf } from '../load/records.mjs'

const LIFETIME_MS = 24 * 60 * 60 * 1000

/** `keyv` over `@keyv/redis`, and that over node-redis. */
export function open({ url, tls }, records) {
  const client = createClient({ url, socket: tls && { tls: true, ...tls } })
  const keyv = new Keyv(new KeyvRedis(client), { namespace: 'atxp:oauth', throwOnErrors: true })
  const keyOf = (index) => `${records[index].user}:${RESOURCE}`
  return {
    read: (index) => keyv.get(keyOf(index)),
    write: (index, version) =>
      keyv.set(keyOf(index), tokenOf(records[index], version), LIFETIME_MS),
    stampOf: (token) => token?.expiresAt,
    tokenOf: (token) => token,
    close: () => keyv.disconnect(),
  }
}
