import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { cleanUpLater } from '../scripts/cleanup.mjs'
import { installRedis } from '../scripts/install.mjs'
import { startPrivateRedis } from '../scripts/private-redis.mjs'
import { numberAbove0, runScript } from '../scripts/run-script.mjs'
import { bytesUsedBy } from './load/server-meter.mjs'

const USAGE = `node bench/sizing.mjs      by how much Redis' used_memory grows for each user, as docs/runbooks.md has it

  --users 100000      who hold sessions (10000)`

const SESSIONS = [1, 3]
const MANY = 400
const KEYS = [{ id: 'a', key: randomBytes(32) }]
const FORMS = {
  plain: {},
  encryption: { encryption: { keys: KEYS } },
  'with `hashKeys`': { encryption: { keys: KEYS }, hashKeys: { key: randomBytes(32) } },
}

/** As long as those of many authorization servers. */
const text = (length) => randomBytes(length).toString('base64url').slice(0, length)

async function main(values) {
  const users = Math.ceil(numberAbove0('--users', values.users))
  const { RedisOAuthDatabase } = await import('../dist/index.mjs')
  const { url } = await startPrivateRedis(await installRedis())
  const redis = new Redis(url)
  cleanUpLater(() => redis.disconnect())
  console.log(`| Sessions a user | ${Object.keys(FORMS).join(' | ')} |\n|---|---|---|---|`)
  for (const sessions of SESSIONS) {
    const cells = []
    for (const options of Object.values(FORMS)) {
      await redis.flushall()
      const before = await bytesUsedBy(redis)
      const db = new RedisOAuthDatabase({ url, ...options })
      await saveAll(db, users, sessions)
      await db.close()
      cells.push(`${(((await bytesUsedBy(redis)) - before) / users / 1000).toFixed(1)} kB`)
    }
    console.log(`| ${sessions} | ${cells.join(' | ')} |`)
  }
}

async function saveAll(db, users, sessions) {
  let next = 0
  const saveSome = async () => {
    while (next < users * sessions) {
      const at = next
      next += 1
      const server = `https://mcp-${at % sessions}.example.com/mcp`
      await db.saveAccessToken(`user_${Math.floor(at / sessions)}`, server, {
        accessToken: text(800),
        refreshToken: text(64),
        resourceUrl: server,
      })
    }
  }
  await Promise.all(Array.from({ length: MANY }, saveSome))
}

await runScript({
  usage: USAGE,
  options: { users: { type: 'string', default: '10000' } },
  main,
})
