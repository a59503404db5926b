import { startAuthorizationServer } from '../../test/support/fleet/authorization-server.mjs'
import { startMcpServer } from '../../test/support/fleet/mcp-server.mjs'
import { cleanUpLater, expectedError } from '../cleanup.mjs'
import { bold, dim, duration, green, isLive, print, red } from '../terminal.mjs'
import { say, scene } from './narration.mjs'
import { heads, message } from './sequence.mjs'

const ACCOUNT = 'base:0xada'
const UNCOORDINATED_ACCOUNT = 'base:0xeve'
const ROW_MS = 150
const SETTLED_WITHIN_MS = 10_000

/** By event, in the words of the diagram: which way the arrow goes, and what it says. */
const ARROWS = {
  won: ['redis', 'takes the lease'],
  waited: ['redis', 'has to wait'],
  tookOver: ['redis', 'takes over the lease'],
  asked: ['server', 'refreshes'],
  answered: ['from server', 'new pair; the old is spent'],
  refreshed: ['redis', 'saves it, wakes the others'],
  refreshReused: ['from redis', 'reads the new pair'],
}

/** The published client in three processes: one login for all, and then one refresh. */
export async function shareSession(actors, store) {
  const world = await startServers()
  store.sessions = [[ACCOUNT, UNCOORDINATED_ACCOUNT], world.authorizationServer.issuer]
  // It is several hundred modules, and they are no part of what is shown.
  await Promise.all(actors.map((actor) => actor.call('loadClient')))
  await logInOnce(actors, world)
  await refreshOnce(actors, world)
  await refreshUncoordinated(actors, world)
  await Promise.all(actors.map((actor) => actor.call('closeClient')))
}

async function startServers() {
  const authorizationServer = await startAuthorizationServer()
  cleanUpLater(() => authorizationServer.stop())
  const { issuer, introspect } = authorizationServer
  const mcpServer = await startMcpServer({ issuer, introspect })
  cleanUpLater(() => mcpServer.stop())
  return { authorizationServer, mcpServer }
}

async function logInOnce(actors, world) {
  scene('One login for three processes, with the published @atxp/client')
  const { issuer } = world.authorizationServer
  print(dim(`  MCP server ${world.mcpServer.url()}, authorization server ${issuer}`))
  for (const actor of actors) {
    const before = world.authorizationServer.counters().authorizations
    const { ms } = await connect(actor, world, ACCOUNT, true)
    const isLogin = world.authorizationServer.counters().authorizations > before
    say(actor, isLogin ? 'registers, logs in' : 'finds the session in Redis', ms)
  }
  const { registrations, authorizations } = world.authorizationServer.counters()
  conclude(registrations === 1 && authorizations === 1, [
    count(registrations, 'registration'),
    count(authorizations, 'login'),
  ])
}

async function refreshOnce(actors, world) {
  scene('The access token expires, and all three call at once')
  await Promise.all(actors.map((actor) => actor.call('takeEvents')))
  const before = world.authorizationServer.counters()
  const started = performance.now()
  const answered = await raceWithExpiredToken(actors, world)
  const tookMs = performance.now() - started
  await drawRefresh(actors)
  const { refreshes, reuseDetections } = world.authorizationServer.counters()
  conclude(answered === actors.length && refreshes - before.refreshes === 1, [
    `${answered} of ${actors.length} calls answered in ${duration(tookMs)}`,
    count(refreshes - before.refreshes, 'refresh', 'refreshes'),
    reuseDetections === 0 ? 'nobody logged out' : 'the session was revoked',
  ])
}

/** Not to be relied on, so it is only told. */
async function refreshUncoordinated(actors, world) {
  scene('The same without coordination: Redis only keeps the records')
  for (const actor of actors) await connect(actor, world, UNCOORDINATED_ACCOUNT, false)
  const before = world.authorizationServer.counters()
  const answered = await raceWithExpiredToken(actors, world)
  const after = world.authorizationServer.counters()
  const attempts = ['refreshes', 'refusedRefreshes', 'reuseDetections']
    .map((name) => after[name] - before[name])
    .reduce((sum, number) => sum + number)
  const isRevoked = after.familiesRevoked > before.familiesRevoked
  print(
    `  ${isRevoked ? red('✗') : green('✓')} ${answered} of ${actors.length} calls answered: ` +
      `one token was sent ${attempts} times${isRevoked ? ', so the session is revoked' : ''}`,
  )
}

async function connect(actor, { mcpServer, authorizationServer }, accountId, isCoordinated) {
  const streamsBefore = mcpServer.counters().refusedEventStreams
  const { issuer } = authorizationServer
  const setup = { mcpServer: mcpServer.url(), issuer, accountId, isCoordinated }
  const connected = await actor.call('connectClient', [setup])
  // Connecting ends with a GET in the background, which would refresh a token that expires before it was answered.
  const deadline = Date.now() + SETTLED_WITHIN_MS
  while (mcpServer.counters().refusedEventStreams === streamsBefore) {
    if (Date.now() > deadline) throw expectedError('A client did not finish connecting.')
    await pause(5)
  }
  return connected
}

/** How many of the calls are answered. */
async function raceWithExpiredToken(actors, { authorizationServer }) {
  authorizationServer.expireAccessTokens()
  // On a machine of any speed: the three go on together after they have read the token that they are about to refresh.
  authorizationServer.gatherMetadataRequests(actors.length)
  const calls = await Promise.allSettled(actors.map((actor) => actor.call('callTool')))
  return calls.filter(({ status }) => status === 'fulfilled').length
}

async function drawRefresh(actors) {
  const lists = await Promise.all(actors.map((actor) => actor.call('takeEvents')))
  const seen = lists
    .flatMap(({ result }, index) => result.map((one) => ({ ...one, index })))
    .filter(({ event }) => event in ARROWS)
  inCausalOrder(seen)
  const [redis, server] = [actors.length, actors.length + 1]
  print(heads([...actors.map(({ name }) => name), 'Redis', 'Auth server']))
  for (const { event, index } of seen) {
    const [way, text] = ARROWS[event]
    const peer = way.endsWith('redis') ? redis : server
    const [from, to] = way.startsWith('from') ? [peer, index] : [index, peer]
    print(message(server + 1, { from, to, tint: actors[index].tint, text }))
    if (isLive) await pause(ROW_MS)
  }
}

/**
 * By time; but a process tells what it did to Redis once it has the reply, and others may see the effect before that: they
 * wait for a lease that was taken, and read a pair that was saved.
 */
function inCausalOrder(events) {
  const firstRead = Math.min(
    ...events.filter(({ event }) => event === 'refreshReused').map(({ at }) => at),
  )
  const happenedAt = ({ event, at }) => {
    if (event === 'won') return 0
    return event === 'refreshed' ? Math.min(at, firstRead - 1e-3) : at
  }
  events.sort((one, other) => happenedAt(one) - happenedAt(other))
}

/** A demonstration of what does not happen would be worse than none. */
function conclude(isKept, facts) {
  if (!isKept) throw expectedError(`Not as promised: ${facts.join(', ')}.`)
  const [first, ...others] = facts
  print(`  ${green('✓')} ${[bold(first), ...others].join(', ')}`)
}

function count(number, one, many = `${one}s`) {
  return `${number} ${number === 1 ? one : many}`
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
