import { afterAll, beforeAll, describe, it } from 'vitest'
import { oauthDbConformance } from '../../../src/conformance.js'
import { RedisOAuthDatabase } from '../../../src/index.js'
import { eventually } from '../../support/eventually.js'
import { type RedisServer, startRedis } from '../../support/servers/redis-server.js'

/** It asks one handle at once for what another has just replaced: word of that may still be under way. */
const AT_ONCE_EVERYWHERE =
  'returns through one handle what another replaced, after having read the old'

let server: RedisServer

beforeAll(async () => {
  server = await startRedis()
})

afterAll(() => server.stop())

/** One that serves from memory by the time that it is used. */
async function openArmed(): Promise<RedisOAuthDatabase> {
  const { host, port } = server
  const db = new RedisOAuthDatabase({ host, port, cache: true })
  let turns = 0
  // Answered without a round trip: before the next turn of the event loop.
  await eventually(async () => {
    turns = 0
    const counting = setImmediate(() => {
      turns += 1
    })
    await db.getToken('unrelated')
    clearImmediate(counting)
    return turns === 0
  })
  return db
}

describe('a database that serves from memory', () => {
  const cases = oauthDbConformance(openArmed).filter(({ name }) => name !== AT_ONCE_EVERYWHERE)
  for (const { name, run } of cases) it.concurrent(name, run)
})
