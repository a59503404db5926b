// Processes of node:cluster, each with a database of its own; one flight among them.
import cluster from 'node:cluster'
import { RedisOAuthDatabase } from '@atxp/redis'

const keyPrefix = process.env.FORKS_PREFIX ?? `forks:${process.pid}:`
const db = new RedisOAuthDatabase({ url: process.env.REDIS_URL, keyPrefix })

if (cluster.isPrimary ?? cluster.isMaster) {
  const ends = Array.from({ length: 3 }, () => {
    const worker = cluster.fork({ FORKS_PREFIX: keyPrefix })
    return new Promise((resolve) => worker.once('exit', resolve))
  })
  const codes = await Promise.all(ends)
  const tokens = await db.listTokens()
  await db.close()
  console.log(JSON.stringify({ codes, tokens: tokens.length }))
} else {
  // Whoever comes first does the work; the others find it done.
  await db.singleFlight('work', () => db.storeToken(`of ${process.pid}`, 'one'), {
    recheck: async () => ((await db.listTokens()).length > 0 ? 'done' : undefined),
  })
  await db.close()
  process.disconnect()
}
