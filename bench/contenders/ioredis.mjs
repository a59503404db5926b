import { Redis } from 'ioredis'
import { stampInText, textOf } from '../load/records.mjs'

const LIFETIME_MS = 24 * 60 * 60 * 1000

/** The bare client: texts by `GET` and `SET`, nothing checked, parsed or sealed. */
export function open({ url, tls }, records, { enableAutoPipelining = false } = {}) {
  const redis = new Redis(url, { tls, enableAutoPipelining })
  const keyOf = (index) => `atxp:oauth:${records[index].user}`
  return {
    read: (index) => redis.get(keyOf(index)),
    write: (index, version) =>
      redis.set(keyOf(index), textOf(records[index], version), 'PX', LIFETIME_MS),
    stampOf: (text) => stampInText(text ?? ''),
    tokenOf: JSON.parse,
    close: () => redis.quit(),
  }
}
