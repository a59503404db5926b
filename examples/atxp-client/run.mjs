// Runs client.mjs in one process after the other, against stand-ins for ATXP's servers on this machine.
import { deepStrictEqual } from 'node:assert'
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { startWorld } from '../../test/support/newcomer/world.mjs'
import { removeRecords } from '../scratch-records.mjs'

const world = await startWorld()
const { authorizationServer } = world

const env = {
  ...process.env,
  ...world.env,
  REDIS_URL: process.env.REDIS_URL ?? 'redis://localhost:6379',
  REDIS_KEY_PREFIX: `example:${randomUUID()}:`,
}

try {
  console.log('The first process registers and logs in.')
  await runClient()
  expectCounts({ registrations: 1, authorizations: 1, refreshes: 0 })

  console.log('The second finds the session in Redis.')
  await runClient()
  expectCounts({ registrations: 1, authorizations: 1, refreshes: 0 })

  console.log('The access token expires. The third refreshes it.')
  authorizationServer.expireAccessTokens()
  await runClient()
  expectCounts({ registrations: 1, authorizations: 1, refreshes: 1 })

  console.log('It expires again. Three start at once, and one of them refreshes it for all.')
  authorizationServer.expireAccessTokens()
  await Promise.all([runClient(), runClient(), runClient()])
  expectCounts({ registrations: 1, authorizations: 1, refreshes: 2 })

  console.log('Six processes, one registration, one login, no session lost.')
} finally {
  await removeRecords(env.REDIS_URL, env.REDIS_KEY_PREFIX)
  await world.stop()
}

async function runClient() {
  const script = fileURLToPath(new URL('./client.mjs', import.meta.url))
  const [code] = await once(spawn(process.execPath, [script], { env, stdio: 'inherit' }), 'exit')
  if (code !== 0) throw new Error(`client.mjs ended with ${code}`)
}

/** What the authorization server saw. */
function expectCounts(expected) {
  const { registrations, authorizations, refreshes, familiesRevoked } =
    authorizationServer.counters()
  deepStrictEqual(
    { registrations, authorizations, refreshes, familiesRevoked },
    { ...expected, familiesRevoked: 0 },
  )
}
