import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { CHANNELS, type SessionEvent } from '../../../../src/leaves/diagnostics.js'
import { ClientSession } from '../../../../src/oauth/session/client-session.js'
import { startProcess, USER } from '../../../support/oauth/fleet-process.js'
import { MemoryStore } from '../../../support/oauth/memory-store.js'
import { all, type Client, callAll, clientIn } from '../../../support/oauth/published-client.js'
import { json, MCP_URL, StrictServer, TOKEN_URL } from '../../../support/oauth/strict-server.js'

// The published client at servers that say nothing but 401, and without the class of its error: nothing here throws it.

const CHILD_URL = `${MCP_URL}/child/tool`

let store: MemoryStore
let server: StrictServer

beforeEach(() => {
  store = new MemoryStore()
  server = new StrictServer()
  server.namesError = false
})

afterEach(() => void vi.useRealTimers())

function startClient(user: string = USER, knowsIssuer = false): Client {
  const session = new ClientSession({ isInteractive: false })
  const process = startProcess(store, server, { session, knowsIssuer })
  return clientIn(process, user)
}

const startClients = (count: number) => Array.from({ length: count }, () => startClient())

test('eight cold processes make one registration and one login', async () => {
  expect(await callAll(startClients(8), 3)).toEqual(all(24))
  expect(server.count).toMatchObject({ registrations: 1, authorizations: 1, refreshes: 0 })
})

test('logins are told: of whom they are asked, how they end and how long they take', async () => {
  const told: SessionEvent[] = []
  const listen = (event: unknown): void => void told.push(event as SessionEvent)
  subscribe(CHANNELS.session, listen)
  await callAll(startClients(2), 1)
  unsubscribe(CHANNELS.session, listen)
  const logins = told.filter(({ event }) => /^log/.test(event))
  expect(logins.map(({ event }) => event).sort()).toEqual([
    'loggedIn',
    'loginNeeded',
    'loginReused',
  ])
  for (const { durationMs } of logins) expect(durationMs).toBeGreaterThanOrEqual(0)
})

test('two users who start cold make a login each', async () => {
  const clients = [startClient('base:0xa'), startClient('base:0xb')]
  expect(await callAll(clients, 2)).toEqual(all(4))
  expect(server.count).toMatchObject({ authorizations: 2 })
})

test('an expired token makes one refresh and no login, whether or not a process knows the issuer', async () => {
  const clients = [...startClients(6), startClient(USER, true)]
  await clients[0]?.call()
  server.expireAccessTokens()
  expect(await callAll(clients, 5)).toEqual(all(35))
  expect(server.count).toMatchObject({ refreshes: 1, authorizations: 1, familiesRevoked: 0 })
})

test('a refused refresh token makes one login', async () => {
  const clients = startClients(6)
  await clients[0]?.call()
  server.families.length = 0
  expect(await callAll(clients, 3)).toEqual(all(18))
  expect(server.count).toMatchObject({ refusedRefreshes: 1, authorizations: 2, registrations: 1 })
})

test('an expired token without a refresh token makes one login', async () => {
  server.omitsRefreshToken = true
  const clients = startClients(6)
  await clients[0]?.call()
  server.expireAccessTokens()
  expect(await callAll(clients, 3)).toEqual(all(18))
  expect(server.count).toMatchObject({ refreshes: 0, authorizations: 2, registrations: 1 })
})

test('a client that was forgotten while the token expired makes one login, and no call fails', async () => {
  const clients = startClients(8)
  await clients[0]?.call()
  server.clients.clear()
  server.families.length = 0
  expect(await callAll(clients, 3)).toEqual(all(24))
  expect(server.count).toMatchObject({ registrations: 2, authorizations: 2 })
})

describe.each([2, 8])('%i processes whose client was forgotten', (count) => {
  test.each<[string, () => void]>([
    ['while a token without a refresh token expired', () => undefined],
    // As Redis drops it by the clock.
    ['after their session ended', () => store.records.clear()],
  ])('%s make one login, and no call fails', async (_, end) => {
    server.omitsRefreshToken = true
    const clients = startClients(count)
    await clients[0]?.call()
    server.clients.clear()
    server.families.length = 0
    end()
    expect(await callAll(clients, 3)).toEqual(all(3 * count))
    expect(server.count).toMatchObject({ registrations: 2, authorizations: 2 })
  })
})

test('a client that is known asks once in a login, and keeps its registration', async () => {
  server.omitsRefreshToken = true
  const client = startClient()
  await client.call()
  server.expireAccessTokens()
  expect(await client.call()).toBe(200)
  expect(server.count).toMatchObject({ registrations: 1, authorizations: 2, unknownTokens: 1 })
})

test.each([
  ['fails', () => json(503, {})],
  ['refuses all refreshes', () => json(400, { error: 'unsupported_grant_type' })],
  ['cannot be reached', () => Promise.reject(new Error('away'))],
])(
  'an authorization server that %s at that question gets its login all the same',
  async (_, answer) => {
    server.omitsRefreshToken = true
    const client = startClient()
    await client.call()
    server.expireAccessTokens()
    let questions = 1
    server.step = (path, when) =>
      path === '/token' && when === 'request' && questions-- > 0 ? answer() : undefined
    expect(await client.call()).toBe(200)
    expect(server.count).toMatchObject({ registrations: 1, authorizations: 2 })
  },
)

test('calls below the path of the record renew it where it stands', async () => {
  const clients = startClients(4)
  await clients[0]?.call()
  for (let round = 1; round <= 3; round += 1) {
    server.expireAccessTokens()
    const calls = [callAll(clients, 2, CHILD_URL), callAll(clients, 2)]
    expect((await Promise.all(calls)).flat()).toEqual(all(16))
    expect(server.count).toMatchObject({ refreshes: round, familiesRevoked: 0 })
  }
  expect(store.records.size).toBe(1)
})

test('a server has no session of another refreshed by a challenge that names that one', async () => {
  const client = startClient()
  await client.call()
  server.step = (path) =>
    path === '/evil'
      ? json(401, {}, { 'www-authenticate': `${MCP_URL}?error="invalid_grant"` })
      : undefined
  await client.call('https://evil.example/evil').catch(() => undefined)
  expect(server.count.refreshes).toBe(0)
  expect(await client.call()).toBe(200)
})

test('a request without a token is never sent again with that of another user of the same client', async () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  const session = new ClientSession({ isInteractive: false })
  const { db, fetch } = startProcess(store, server, { session })
  await db.getAccessToken('one', MCP_URL)
  let go: () => void = () => undefined
  const held = new Promise<void>((resolve) => {
    go = resolve
  })
  server.step = async (_, when) => {
    if (when === 'request') await held
    return undefined
  }
  const answer = fetch(MCP_URL, { method: 'POST', body: '{}' })
  // Longer than it is remembered that somebody had no session.
  vi.advanceTimersByTime(60_000)
  await db.getAccessToken('other', MCP_URL)
  const { accessToken } = server.login()
  store.put('other', MCP_URL, { accessToken, resourceUrl: MCP_URL })
  go()
  expect((await answer).status).toBe(401)
})

test('an expired record below hides no good token above', async () => {
  const client = startClient()
  await client.call()
  store.put(USER, CHILD_URL, {
    accessToken: 'spent',
    refreshToken: 'spent too',
    resourceUrl: CHILD_URL,
    expiresAt: 1,
  })
  expect(await client.call(CHILD_URL)).toBe(200)
  expect(server.count).toMatchObject({ refreshes: 0, refusedRefreshes: 0, authorizations: 1 })
})

test('a record whose issuer is not known is renewed by the client itself', async () => {
  const client = startClient()
  await client.call()
  store.origins.clear()
  server.expireAccessTokens()
  expect(await client.call()).toBe(200)
  expect(server.count).toMatchObject({ refreshes: 1, authorizations: 1 })
})

test('one 503 of the authorization server makes no login and fails no call', async () => {
  const clients = startClients(4)
  await clients[0]?.call()
  server.expireAccessTokens()
  let failures = 1
  server.step = (path, when) =>
    path === '/token' && when === 'request' && failures-- > 0 ? json(503, {}) : undefined
  expect(await callAll(clients, 2)).toEqual(all(8))
  expect(server.count).toMatchObject({ refreshes: 1, authorizations: 1, familiesRevoked: 0 })
})

test('a login that fails lets the next in line log in', async () => {
  let failures = 1
  server.step = (path, when) =>
    path === '/authorize' && when === 'request' && failures-- > 0 ? json(503, {}) : undefined
  const outcomes = await Promise.allSettled(startClients(4).map((client) => client.call()))
  expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(1)
  expect(server.count).toMatchObject({ registrations: 1, authorizations: 1 })
})

describe('a server that lies', () => {
  const lie = (): void => {
    server.step = (path, when) =>
      path === '/mcp' && when === 'request'
        ? json(401, {}, { 'www-authenticate': 'Bearer realm="x"' })
        : undefined
  }

  test('gets one refresh and one login out of a call, as without this library', async () => {
    const client = startClient()
    await client.call()
    lie()
    await expect(client.call()).rejects.toThrow()
    expect(server.count.refreshes).toBeLessThanOrEqual(2)
    expect(server.count.authorizations).toBeLessThanOrEqual(2)
    expect(server.count.familiesRevoked).toBe(0)
  })

  test('and fills the memory for issuers gets no token of another', async () => {
    const evil = 'https://evil.example'
    let named = TOKEN_URL
    let sent = 0
    server.step = (path) => {
      if (path === '/steal') sent += 1
      const [, tenant] = /^\/\.well-known\/oauth-authorization-server\/(\d+)$/.exec(path) ?? []
      const endpoints = tenant === '0' ? { token_endpoint: named } : {}
      return tenant ? json(200, { issuer: `${evil}/${tenant}`, ...endpoints }) : undefined
    }
    const client = startClient()
    for (let tenant = 0; tenant < 2_000; tenant += 1) {
      await client.fetch(`${evil}/.well-known/oauth-authorization-server/${tenant}`)
    }
    store.clients.set(`${evil}/0`, { clientId: 'c', clientSecret: 's', redirectUri: '' })
    await client.call()
    named = `${evil}/steal`
    server.expireAccessTokens()
    expect(await client.call()).toBe(200)
    expect(sent).toBe(0)
    expect(server.count).toMatchObject({ refreshes: 1, authorizations: 1 })
  })

  test('cannot have the token of another server renewed', async () => {
    const client = startClient()
    await client.call()
    const token = store.get(USER, MCP_URL)?.accessToken
    const answer = await client.fetch('https://evil.example/mcp', {
      headers: { authorization: `Bearer ${token}` },
    })
    expect(answer.status).toBe(200)
    server.expireAccessTokens()
    const refused = await client.fetch('https://evil.example/mcp', {
      headers: { authorization: `Bearer ${token}` },
    })
    expect(refused.status).toBe(401)
    expect(server.count.refreshes).toBe(0)
  })
})

test('a request whose body is a stream is handed its 401', async () => {
  const client = startClient()
  await client.call()
  server.expireAccessTokens()
  const token = store.get(USER, MCP_URL)?.accessToken
  const answer = await client.fetch(MCP_URL, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    body: new Blob(['{}']).stream(),
    duplex: 'half',
  } as RequestInit)
  expect(answer.status).toBe(401)
  expect(server.count.refreshes).toBe(0)
})
