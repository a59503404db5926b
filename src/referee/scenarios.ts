import { authorize } from './browser.js'
import { delay, type Fleet } from './fleet.js'
import type { ClientProcess, Outcome } from './processes.js'
import { secretsIn } from './secrets.js'
import { HostileServer, LIES } from './servers/hostile-server.js'

/** So long the server takes for the first refresh: who sends the same token meanwhile sends a spent one. */
const REFRESH_MS = 200
/** The same where all call at once, since processes of a busy machine do not come at once. */
const HELD_MS = 1_000
const NO_REFRESH_WITHIN_MS = 10_000
const WELL_AGAIN_WITHIN_MS = 15_000
const ASKED_AGAIN_EACH_MS = 250
const RETRY_AFTER_SECONDS = 1

export const SCENARIO_NAMES = [
  'cold start',
  'expiry met by all',
  'calls spread over 150 ms',
  'calls spread over 2 s',
  'killed refresher',
  'refused token',
  'forgotten client',
  'failing server (503)',
  'failing server (429)',
  'hostile server',
] as const

export type ScenarioName = (typeof SCENARIO_NAMES)[number]

/** What both servers counted. */
export interface Counts {
  /** Clients that were registered. */
  registrations: number
  /** Times that the user had to log in. */
  logins: number
  /** Refreshes that gave new tokens. */
  refreshes: number
  /** Refresh tokens that were sent again after they had been used. */
  spentTokens: number
  /** Sessions that the authorization server ended because of that. */
  familiesRevoked: number
  /** Calls without an answer, and calls that asked for a login although there was a session. */
  callsLost: number
}

export interface Scenario {
  /** What a client that coordinates its processes comes to. What is left out may be any number. */
  expected: Partial<Counts>
  /** @returns what else is wrong, one sentence each */
  run(fleet: Fleet): Promise<string[] | undefined>
}

const UNHARMED = { spentTokens: 0, familiesRevoked: 0, callsLost: 0 }
const ONE_SESSION = { registrations: 1, logins: 1, ...UNHARMED }

async function startCold(fleet: Fleet): Promise<undefined> {
  fleet.mcpServer.gatherRefusals(fleet.processes.length)
  await fleet.call(fleet.processes, { mayLogIn: true })
}

async function expire(fleet: Fleet): Promise<undefined> {
  await fleet.share()
  fleet.authorizationServer.expireAccessTokens()
}

async function meetExpiry(fleet: Fleet): Promise<undefined> {
  await expire(fleet)
  fleet.mcpServer.gatherRefusals(fleet.processes.length)
  await slowRefresh(fleet, HELD_MS, fleet.call())
}

const spread = (spreadMs: number) => async (fleet: Fleet) => {
  await expire(fleet)
  await slowRefresh(fleet, REFRESH_MS, fleet.call(fleet.processes, { spreadMs }))
  return undefined
}

/** The first refresh that `calls` make takes `ms`. */
async function slowRefresh(fleet: Fleet, ms: number, calls: Promise<void>): Promise<void> {
  const { authorizationServer } = fleet
  const hold = authorizationServer.holdTokenRequest({ point: 'before' })
  await Promise.race([authorizationServer.reached(hold), calls])
  await delay(ms)
  authorizationServer.release(hold)
  await calls
}

interface HeldRefresh {
  refreshing: ClientProcess
  others: readonly ClientProcess[]
  /** The call that made the refresh. */
  call: Promise<Outcome[]>
  release(): void
}

/** The first process stands inside its refresh, before the server has acted. Undefined if it does not refresh. */
async function holdRefresh(fleet: Fleet): Promise<HeldRefresh | undefined> {
  const { authorizationServer } = fleet
  const hold = authorizationServer.holdTokenRequest({ point: 'before' })
  const [refreshing, ...others] = fleet.processes
  if (refreshing === undefined) return undefined
  const call = fleet.ask([refreshing])
  const reached = authorizationServer.reached(hold).then(() => true)
  const isHeld = await Promise.race([reached, call.then(() => false), delay(NO_REFRESH_WITHIN_MS)])
  if (isHeld !== true) return undefined
  return { refreshing, others, call, release: () => authorizationServer.release(hold) }
}

const NO_REFRESH = ['the first process did not refresh when its access token had expired']

async function killRefresher(fleet: Fleet): Promise<string[] | undefined> {
  await expire(fleet)
  const held = await holdRefresh(fleet)
  if (held === undefined) return NO_REFRESH
  fleet.mcpServer.gatherRefusals(held.others.length)
  const calls = fleet.call(held.others)
  // Awaited below, and rejects before where the run is ended meanwhile.
  calls.catch(() => undefined)
  await fleet.mcpServer.refusalsGathered()
  held.refreshing.kill()
  await held.call
  const goneBy = Date.now() + NO_REFRESH_WITHIN_MS
  while (fleet.authorizationServer.counters().abandonedTokenRequests === 0 && Date.now() < goneBy) {
    await delay(10)
  }
  held.release()
  await calls
  return undefined
}

/** The first process hears of its refusal when the others may have logged in again: that login must stay. */
async function refuseToken(fleet: Fleet): Promise<string[] | undefined> {
  await expire(fleet)
  fleet.authorizationServer.refuseRefreshTokens()
  const held = await holdRefresh(fleet)
  if (held === undefined) return NO_REFRESH
  const calls = fleet.call(held.others, { mayLogIn: true })
  await Promise.race([calls, delay(HELD_MS)])
  held.release()
  const [outcome] = await held.call
  await calls
  // Its user sees the login of the others and calls again.
  fleet.count(1, outcome?.kind === 'error' ? 1 : 0)
  await fleet.call([held.refreshing], { mayLogIn: outcome?.kind === 'login' })
  return undefined
}

async function forgetClient(fleet: Fleet): Promise<undefined> {
  await expire(fleet)
  fleet.authorizationServer.forgetClients()
  fleet.mcpServer.gatherRefusals(fleet.processes.length)
  await fleet.call(fleet.processes, { mayLogIn: true })
}

/** While it fails calls may fail, but the session is good: nobody is to be asked to log in. */
const fail = (status: number) => async (fleet: Fleet) => {
  await expire(fleet)
  fleet.authorizationServer.failTokenRequests({
    point: 'before',
    times: Number.POSITIVE_INFINITY,
    status,
    headers: { 'retry-after': String(RETRY_AFTER_SECONDS) },
  })
  fleet.mcpServer.gatherRefusals(fleet.processes.length)
  const during = await fleet.ask(fleet.processes)
  fleet.count(during.length, during.filter(({ kind }) => kind === 'login').length)
  fleet.authorizationServer.clearFaults()
  const wellBy = Date.now() + WELL_AGAIN_WITHIN_MS
  let unwell: readonly ClientProcess[] = fleet.inPlay
  while (unwell.length > 0 && Date.now() < wellBy) {
    const outcomes = await fleet.ask(unwell)
    unwell = unwell.filter(
      ({ failure }, index) => failure === undefined && outcomes[index]?.kind === 'error',
    )
    await delay(ASKED_AGAIN_EACH_MS)
  }
  return undefined
}

async function sufferHostility(fleet: Fleet): Promise<string[] | undefined> {
  await fleet.share()
  let received = ''
  for (const lie of LIES) {
    const hostile = await HostileServer.start(lie, fleet.authorizationServer.issuer)
    fleet.onStop(() => hostile.stop())
    await visit(fleet, hostile)
    received += hostile.received
  }
  // One after the other: what races come to is for other scenarios to show.
  fleet.authorizationServer.expireAccessTokens()
  await fleet.call(fleet.processes.slice(0, 1))
  await fleet.call(fleet.processes.slice(1))
  const leaked = secretsIn(received).length
  return leaked === 0
    ? undefined
    : [`secrets of the other server sent to the hostile one: ${leaked}`]
}

/** Each process calls the hostile server, whose user trusts it as far as its own login. What comes of it is not judged. */
async function visit(fleet: Fleet, { url: server, origin }: HostileServer): Promise<void> {
  const outcomes = await fleet.ask(fleet.processes, { server })
  const logins = outcomes.map(async (outcome, index) => {
    const each = fleet.processes[index]
    if (outcome.kind !== 'login' || each === undefined) return
    if (!outcome.url.startsWith(`${origin}/`)) return
    const callback = await authorize(outcome.url).catch(() => undefined)
    if (callback !== undefined) await each.ask({ type: 'finish', server, callback })
  })
  await Promise.all(logins)
}

export const SCENARIOS: Record<ScenarioName, Scenario> = {
  'cold start': { expected: { ...ONE_SESSION, refreshes: 0 }, run: startCold },
  'expiry met by all': { expected: { ...ONE_SESSION, refreshes: 1 }, run: meetExpiry },
  'calls spread over 150 ms': { expected: { ...ONE_SESSION, refreshes: 1 }, run: spread(150) },
  'calls spread over 2 s': { expected: { ...ONE_SESSION, refreshes: 1 }, run: spread(2_000) },
  'killed refresher': { expected: { ...ONE_SESSION, refreshes: 1 }, run: killRefresher },
  'refused token': {
    expected: { registrations: 1, logins: 2, refreshes: 0, ...UNHARMED },
    run: refuseToken,
  },
  'forgotten client': {
    expected: { registrations: 2, logins: 2, refreshes: 0, ...UNHARMED },
    run: forgetClient,
  },
  'failing server (503)': { expected: { ...ONE_SESSION, refreshes: 1 }, run: fail(503) },
  'failing server (429)': { expected: { ...ONE_SESSION, refreshes: 1 }, run: fail(429) },
  // Whoever is asked to log in at the hostile server's bidding has registered once more.
  'hostile server': { expected: { logins: 1, refreshes: 1, ...UNHARMED }, run: sufferHostility },
}
