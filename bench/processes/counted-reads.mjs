// Reads access tokens with or without metrics, by the build that it is told to load.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { serve } from '../../test/support/processes/process-child.mjs'
import { runClosedLoop } from '../load/closed-loop.mjs'

const USERS = 1_000
const URL_OF_RECORDS = 'https://mcp.example.com/mcp'
const TOKEN = {
  accessToken: 'a'.repeat(800),
  refreshToken: 'r'.repeat(64),
  resourceUrl: URL_OF_RECORDS,
}

let db

process.on('disconnect', () => process.exit())

const userOf = (number) => `base:0x${number % USERS}`

serve({
  async open({ url, build, counts }) {
    const load = createRequire(join(build, 'index.js'))
    const { RedisOAuthDatabase } = load('./index.js')
    if (counts) load('./metrics.js').startMetrics()
    db = new RedisOAuthDatabase({ url })
    const users = Array.from({ length: USERS }, (_, number) => userOf(number))
    await Promise.all(users.map((user) => db.saveAccessToken(user, URL_OF_RECORDS, TOKEN)))
  },

  async read({ callers, ms }) {
    let number = 0
    const operate = () => {
      number += 1
      return db.getAccessToken(userOf(number), URL_OF_RECORDS)
    }
    const { perSecond, cpuMicros } = await runClosedLoop(operate, { callers, ms })
    return { perSecond, cpuMicros }
  },

  close: () => db.close(),
})
