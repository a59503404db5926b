import { expect, it, onTestFinished } from 'vitest'
import { discovering } from '../../support/oauth/discovery.js'
import { openDatabase, startServer } from '../../support/scene.js'

const ISSUER = 'https://auth.example'
const COMMAND_TIMEOUT_MS = 500
const CALLERS = 12

it('12 registrations in one process do not wait for one another while Redis hangs', async () => {
  const redis = await startServer()
  const db = openDatabase({ url: redis.url, commandTimeout: COMMAND_TIMEOUT_MS })
  await db.ping()
  let registered = 0
  const fetch = await discovering(
    (fetch) => db.coordinatedFetch(fetch),
    ISSUER,
    async () => Response.json({ client_id: `client ${++registered}` }, { status: 201 }),
  )
  redis.pause()
  onTestFinished(() => redis.resume())
  const body = JSON.stringify({ client_name: 'one', redirect_uris: ['https://app.example'] })
  const endsMs = await Promise.all(
    Array.from({ length: CALLERS }, async () => {
      const answer = await fetch(`${ISSUER}/register`, { method: 'POST', body })
      expect(answer.status).toBe(201)
      return performance.now()
    }),
  )
  expect(registered).toBe(CALLERS)
  // One after the other, each would need a commandTimeout more.
  const spreadMs = Math.max(...endsMs) - Math.min(...endsMs)
  expect(spreadMs).toBeLessThan((CALLERS / 2) * COMMAND_TIMEOUT_MS)
})
