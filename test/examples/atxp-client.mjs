// Runs client.mjs of examples/atxp-client in one process after the other, against stand-ins for ATXP's servers on this machine.
import { deepStrictEqual } from 'node:assert'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { startWorld } from '../support/newcomer/world.mjs'
import { folderOf, runProgram } from './program.mjs'
import { removeRecords } from './scratch-records.mjs'

const world = await startWorld()
const { authorizationServer } = world

const env = {
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

function runClient() {
  return runProgram(join(folderOf('atxp-client'), 'client.mjs'), env)
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
