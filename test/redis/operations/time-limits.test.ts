import { expect, it, onTestFinished } from 'vitest'
import { RedisOAuthDatabase } from '../../../src/index.js'
import { startFaultProxy } from '../../support/network/fault-proxy.js'
import { CALLS, fill, keysOf, URL_OF_TOKEN, USER } from '../../support/operations/every-method.js'
import { startRedis } from '../../support/servers/redis-server.js'

const KEYS = keysOf(3)

it('every method ends by itself while Redis leaves it without answers', async () => {
  const server = await startRedis()
  onTestFinished(() => server.stop())
  const proxy = await startFaultProxy(server)
  onTestFinished(() => proxy.stop())
  const { host, port } = proxy
  const db = new RedisOAuthDatabase({ host, port, commandTimeout: 200 })
  onTestFinished(() => db.close({ timeoutMs: 0 }))
  await fill(db, KEYS)
  await db.getAccessToken(USER, URL_OF_TOKEN)
  proxy.stall()
  const outcomes = await Promise.all(
    Object.entries(CALLS).map(async ([method, call]) => {
      const outcome: string = await call(db, KEYS).then(
        () => 'done',
        ({ code }) => code,
      )
      return [method, outcome] as const
    }),
  )
  expect(outcomes.length).toBeGreaterThan(20)
  expect(outcomes.filter(([, outcome]) => !/^(TIMEOUT|OUTCOME_UNKNOWN)$/.test(outcome))).toEqual([])
})
