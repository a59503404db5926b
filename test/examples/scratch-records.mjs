import Redis from 'ioredis'

/**
 * Removes what an example left under the prefix that it made up for one run, so that it can be tried on any Redis.
 * @param {string} url
 * @param {string} prefix without characters that mean something in a glob pattern
 */
export async function removeRecords(url, prefix) {
  const redis = new Redis(url)
  for await (const keys of redis.scanStream({ match: `${prefix}*`, count: 1000 })) {
    if (keys.length > 0) await redis.unlink(keys)
  }
  redis.disconnect()
}
