import { spawn } from 'node:child_process'
import { startAuthorizationServer } from '../../test/support/fleet/authorization-server.mjs'
import { startMcpServer } from '../../test/support/fleet/mcp-server.mjs'
import { cleanUpLater, expectedError } from '../cleanup.mjs'
import { freePort } from '../private-redis.mjs'

const PROCESSES = 2
const READY_WITHIN_MS = 60_000

/**
 * Two processes with one session: its access token expires, then its refresh token is refused too.
 * @param options.next - Next's program
 * @param options.directory - of the built application
 * @param options.env - beside this process' own
 * @param options.isFound - whether the call that meets a refusal logs in, also at a server that itself asks for a refresh
 * @param options.told - events and warnings that this call has to make
 */
export async function runSessions({ next, directory, env, isFound, told }) {
  const authorizationServer = await startAuthorizationServer()
  const { issuer, introspect } = authorizationServer
  const mcpServer = await startMcpServer({ issuer, introspect })
  const processes = []
  try {
    for (let started = 0; started < PROCESSES; started += 1) {
      processes.push(
        await startServer(next, directory, {
          ...env,
          PREFIX: `next:${issuer}:`,
          AUTHORIZATION_SERVER: issuer,
          MCP_SERVER: mcpServer.url(),
        }),
      )
    }
    return await expire(processes, authorizationServer, mcpServer, { isFound, told })
  } finally {
    for (const { stop } of processes) await stop()
    await mcpServer.stop()
    await authorizationServer.stop()
  }
}

async function expire(processes, authorizationServer, mcpServer, { isFound, told }) {
  const counted = () => {
    const { authorizations, refreshes, familiesRevoked } = authorizationServer.counters()
    return `${authorizations} logins, ${refreshes} refreshes, ${familiesRevoked} revoked`
  }
  const outcomes = []
  const note = (what, promised, answers, mustTell = []) => {
    const failures = answers.map(({ failure }) => failure).filter(Boolean)
    const counts = `${failures.length} of ${answers.length} calls failed, ${counted()}`
    const heard = new Set(answers.flatMap((answer) => answer.told))
    const isPromised = counts === promised && mustTell.every((one) => heard.has(one))
    const seen = `${counts} (${[...heard].join(', ')})`
    outcomes.push({ what, isPromised, seen: isPromised ? seen : [seen, ...failures].join('\n') })
  }
  // One logs in, the other finds the session.
  for (const { call } of processes) await call()
  const each = [...processes, ...processes, ...processes]
  const all = () => Promise.all(each.map(({ call }) => call()))

  mcpServer.configure({ refreshHint: false })
  authorizationServer.expireAccessTokens()
  const expired = '0 of 6 calls failed, 1 logins, 1 refreshes, 0 revoked'
  note('a server that only says 401, token expired', expired, await all())

  authorizationServer.refuseRefreshTokens()
  authorizationServer.expireAccessTokens()
  const refused = '0 of 6 calls failed, 2 logins, 1 refreshes, 0 revoked'
  note('a server that only says 401, refresh token refused', refused, await all())

  mcpServer.configure({ refreshHint: true })
  authorizationServer.expireAccessTokens()
  const asked = '0 of 6 calls failed, 2 logins, 2 refreshes, 0 revoked'
  note('a server that asks for a refresh, token expired', asked, await all())

  authorizationServer.refuseRefreshTokens()
  authorizationServer.expireAccessTokens()
  const [{ call }] = processes
  const same = '0 of 1 calls failed, 3 logins, 2 refreshes, 0 revoked'
  const late = '1 of 1 calls failed, 2 logins, 2 refreshes, 0 revoked'
  const met = isFound ? same : late
  note('a server that asks for a refresh, refresh token refused', met, [await call()], told)
  note('the call after that', same, [await call()])
  return outcomes
}

async function startServer(next, cwd, env) {
  const port = await freePort()
  const child = spawn(process.execPath, [next, 'start', '-H', '127.0.0.1', '-p', String(port)], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text))
  const ended = new Promise((resolve) => child.once('close', resolve))
  const stop = () => {
    child.kill('SIGTERM')
    return ended
  }
  cleanUpLater(stop)
  const url = `http://127.0.0.1:${port}`
  const deadline = Date.now() + READY_WITHIN_MS
  const answers = () => fetch(url).then(Boolean, () => false)
  while (!(await answers())) {
    if (child.exitCode !== null || Date.now() > deadline) {
      throw expectedError(`next start did not answer at ${url}:\n\n${output}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  const call = async () => {
    const answer = await fetch(`${url}/api/call`)
    if (!answer.ok) return { failure: `${answer.status}: ${output.trim().slice(-600)}`, told: [] }
    return await answer.json()
  }
  return { call, stop }
}
