import { createClient } from '@keyv/redis'
import { RedisStore } from 'connect-redis'
import { tokenOf } from '../load/records.mjs'

const LIFETIME_SECONDS = 24 * 60 * 60

/** A session store kept as one would keep tokens in it: `connect-redis` over node-redis. */
export async function open({ url, tls }, records) {
  const client = createClient({ url, socket: tls && { tls: true, ...tls } })
  await client.connect()
  const store = new RedisStore({ client, prefix: 'atxp:oauth:', ttl: LIFETIME_SECONDS })
  return {
    read: (index) => store.get(records[index].user),
    write: (index, version) => store.set(records[index].user, tokenOf(records[index], version)),
    stampOf: (token) => token?.expiresAt,
    tokenOf: (token) => token,
    close: () => client.close(),
  }
}
