import type { ClientCredentials } from '@atxp/common'
import { beforeEach, expect, test, vi } from 'vitest'
import { holdTime } from '../../../support/held-time.js'
import { settled } from '../../../support/oauth/expired-session.js'
import { type FleetProcess, startProcess } from '../../../support/oauth/fleet-process.js'
import { MemoryStore } from '../../../support/oauth/memory-store.js'
import {
  json,
  METADATA_URL,
  ORIGIN,
  REGISTER_URL,
  StrictServer,
  TOKEN_URL,
} from '../../../support/oauth/strict-server.js'

let store: MemoryStore
let server: StrictServer

holdTime()

beforeEach(() => {
  store = new MemoryStore()
  server = new StrictServer()
})

const CLIENT_ROLE = { token_endpoint_auth_method: 'client_secret_post' }
const SERVER_ROLE = { token_endpoint_auth_method: 'client_secret_basic' }

async function register(
  { fetch }: FleetProcess,
  role: object = CLIENT_ROLE,
  headers: Record<string, string> = {},
): Promise<{ status: number; client_id: string; client_secret: string }> {
  const answer = await fetch(REGISTER_URL, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ redirect_uris: ['http://localhost/callback'], ...role }),
  })
  return { ...(await answer.json()), status: answer.status }
}

function startAll(processes: number): FleetProcess[] {
  return Array.from({ length: processes }, () => startProcess(store, server))
}

/** A refusal of the client by the endpoint, as the SDK comes across it before it registers again. */
async function refuse(
  process: FleetProcess,
  clientId: string,
  answer: Response,
  clientSecret = `secret-of-${clientId}`,
): Promise<void> {
  server.step = () => answer
  const body = new URLSearchParams({
    grant_type: 'authorization_code',
    client_id: clientId,
    client_secret: clientSecret,
  })
  expect((await process.fetch(TOKEN_URL, { method: 'POST', body })).status).toBe(answer.status)
  server.step = () => undefined
}

/** As the SDK stores what it has registered. */
function stored(clientId: string, clientSecret = `secret-of-${clientId}`): ClientCredentials {
  return { clientId, clientSecret, redirectUri: '' }
}

test('eight processes with three calls each register one client, and all get it', async () => {
  const processes = startAll(8)
  const calls = [...processes, ...processes, ...processes].map((process) => register(process))
  const clients = await settled(Promise.all(calls))
  expect(server.count.registrations).toBe(1)
  for (const client of clients) {
    expect(client).toMatchObject({
      status: 201,
      client_id: 'client-1',
      client_secret: 'secret-of-client-1',
      client_secret_expires_at: 0,
    })
  }
})

test('a process that comes within replyMs is answered, a later one registers', async () => {
  const [first, second] = startAll(2) as [FleetProcess, FleetProcess]
  await register(first)
  await vi.advanceTimersByTimeAsync(29_000)
  expect(await register(second)).toMatchObject({ client_id: 'client-1' })
  await vi.advanceTimersByTimeAsync(2_000)
  expect(await register(second)).toMatchObject({ client_id: 'client-2' })
})

test('roles, servers and accounts never share a client', async () => {
  const [first, second] = startAll(2) as [FleetProcess, FleetProcess]
  const clients = await settled(
    Promise.all([
      register(first, CLIENT_ROLE),
      register(second, SERVER_ROLE),
      register(first, CLIENT_ROLE, { authorization: 'Bearer one' }),
      register(second, CLIENT_ROLE, { authorization: 'Bearer two' }),
      register(first, CLIENT_ROLE, { 'X-ATXP-TOKEN': 'one' }),
      register(second, CLIENT_ROLE, { 'X-ATXP-TOKEN': 'two' }),
      register(second, CLIENT_ROLE, { cookie: 'account=two' }),
    ]),
  )
  expect(new Set(clients.map((client) => client.client_id)).size).toBe(7)
  const registered = await register(first, SERVER_ROLE)
  expect(server.clients.get(registered.client_id)?.method).toBe('client_secret_basic')
})

test('headers that say nothing of who registers do not keep callers apart', async () => {
  const processes = startAll(3)
  const headers = [
    { traceparent: '00-1-1-01', 'user-agent': 'one' },
    { traceparent: '00-2-2-01', accept: 'application/json' },
    { 'X-B3-TraceId': '3' },
  ]
  const calls = processes.map((process, index) => register(process, CLIENT_ROLE, headers[index]))
  const clients = await settled(Promise.all(calls))
  expect(clients.map((client) => client.client_id)).toEqual(Array(3).fill('client-1'))
})

test.each([
  ['invalid_client', json(400, { error: 'invalid_client' })],
  ['a plain 401', new Response('', { status: 401 })],
  ['a plain 403', new Response('', { status: 403 })],
])(
  'after %s nobody who met it gets the refused client again, and one registers',
  async (_, answer) => {
    const processes = startAll(4)
    await register(processes[0] as FleetProcess)
    store.clients.set(ORIGIN, stored('client-1'))
    for (const process of processes) {
      // The first refusal may have removed it; each process had read it by then.
      store.clients.set(ORIGIN, stored('client-1'))
      await refuse(process, 'client-1', answer.clone())
    }
    const clients = await settled(Promise.all(processes.map((process) => register(process))))
    expect(clients.map((client) => client.client_id)).toEqual(Array(4).fill('client-2'))
    expect(server.count.registrations).toBe(2)
  },
)

test('a refused introspection too keeps its client from coming back', async () => {
  const [process] = startAll(1) as [FleetProcess]
  const { client_id: clientId, client_secret: secret } = await register(process, SERVER_ROLE)
  store.clients.set(ORIGIN, stored(clientId, secret))
  server.clients.clear()
  const basic = Buffer.from(`${clientId}:${secret}`).toString('base64')
  const answer = await process.fetch(`${ORIGIN}/introspect`, {
    method: 'POST',
    headers: { authorization: `Basic ${basic}` },
    body: new URLSearchParams({ token: 'x' }),
  })
  expect(answer.status).toBe(401)
  expect(await register(process, SERVER_ROLE)).toMatchObject({ client_id: 'client-2' })
})

test.each<[string, number, object, boolean]>([
  ['invalid_client', 401, { error: 'invalid_client' }, true],
  ['a grant that the client may not use', 400, { error: 'unauthorized_client' }, false],
  ['a firewall', 403, {}, false],
  ['an outage', 503, { error: 'invalid_client' }, false],
  ['a refused code', 400, { error: 'invalid_grant' }, false],
])('%s removes the stored registration only where the server has forgotten it', async (...row) => {
  const [, status, body, removed] = row
  const [process] = startAll(1) as [FleetProcess]
  store.clients.set(ORIGIN, stored('client-1'))
  await refuse(process, 'client-1', json(status, body))
  expect(store.clients.size).toBe(removed ? 0 : 1)
})

test('a refusal of other credentials than the stored ones removes nothing', async () => {
  const [process] = startAll(1) as [FleetProcess]
  store.clients.set(ORIGIN, stored('client-1'))
  for (const secret of ['', 'wrong']) {
    await refuse(process, 'client-1', json(401, { error: 'invalid_client' }), secret)
  }
  expect(store.clients.size).toBe(1)
  expect(store.calls).not.toContain('forget')
})

test('where the issuer of an endpoint is unknown, nothing is shared, noted or removed', async () => {
  const processes = Array.from({ length: 2 }, () =>
    startProcess(store, server, { knowsIssuer: false }),
  )
  const clients = await settled(Promise.all(processes.map((process) => register(process))))
  expect(clients.map((client) => client.client_id)).toEqual(['client-1', 'client-2'])
  store.clients.set(ORIGIN, stored('client-2'))
  const [process] = processes as [FleetProcess]
  await refuse(process, 'client-2', json(401, { error: 'invalid_client' }))
  expect(store.clients.size).toBe(1)
  expect(store.calls).toEqual([])
})

test('a client that the authorization endpoint does not know loses its registration', async () => {
  const [process] = startAll(1) as [FleetProcess]
  store.clients.set(ORIGIN, stored('forgotten'))
  const url = `${ORIGIN}/authorize?response_type=code&client_id=forgotten`
  expect((await process.fetch(url, { method: 'GET' })).status).toBe(400)
  expect(store.clients.size).toBe(0)
})

test('a registration that replaced the refused one stays', async () => {
  const [process] = startAll(1) as [FleetProcess]
  store.clients.set(ORIGIN, stored('client-2'))
  await refuse(process, 'client-1', json(401, { error: 'invalid_client' }))
  expect(store.clients.size).toBe(1)
})

test('the answer that refuses a client arrives even when the store is away', async () => {
  const [process] = startAll(1) as [FleetProcess]
  store.failing = () => true
  await refuse(process, 'client-1', json(401, { error: 'invalid_client' }))
})

test.each([400, 429, 503])(
  "a %d is nobody else's: the next registers by itself",
  async (status) => {
    const processes = startAll(3)
    let refusals = 1
    server.step = () => (refusals-- > 0 ? json(status, { error: 'x' }) : undefined)
    const clients = await settled(Promise.all(processes.map((process) => register(process))))
    expect(clients.filter((client) => client.status === status)).toHaveLength(1)
    expect(clients.filter((client) => client.client_id === 'client-1')).toHaveLength(2)
  },
)

test.each<[string, Response]>([
  ['a 201 that names no client', json(201, {})],
  ['a 201 that is no JSON', new Response('[]', { status: 201 })],
  ['a client with a status of failure', json(400, { client_id: 'c' })],
])('%s is shared with nobody', async (_, answer) => {
  const [process] = startAll(1) as [FleetProcess]
  server.step = () => answer.clone()
  expect((await register(process)).status).toBe(answer.status)
  expect(store.replies.size).toBe(0)
})

test('with the store away each registers by itself', async () => {
  const processes = startAll(3)
  store.failing = () => true
  const clients = await settled(Promise.all(processes.map((process) => register(process))))
  expect(clients.map(({ status }) => status)).toEqual([201, 201, 201])
})

test('a registration that cannot be shared still serves who made it', async () => {
  const [process] = startAll(1) as [FleetProcess]
  store.failing = (call) => call === 'share'
  expect((await register(process)).status).toBe(201)
})

test('a registration that is too long to be kept is shared with nobody', async () => {
  const processes = startAll(2)
  const client_secret = 'x'.repeat(65_536)
  server.step = (path, when) =>
    path === '/register' && when === 'request'
      ? json(201, { client_id: 'long', client_secret, client_secret_expires_at: 0 })
      : undefined
  const clients = await settled(Promise.all(processes.map((process) => register(process))))
  expect(clients.map(({ status, client_id }) => [status, client_id])).toEqual([
    [201, 'long'],
    [201, 'long'],
  ])
  expect(store.replies.size).toBe(0)
})

test('a server that never answers lets the next try after requestMs', async () => {
  const processes = startAll(2)
  let hung = 1
  server.step = () => (hung-- > 0 ? new Promise(() => undefined) : undefined)
  const outcomes = await settled(Promise.allSettled(processes.map((process) => register(process))))
  expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
})

test('a client is never handed to another issuer that names the same registration endpoint', async () => {
  const evil = 'https://evil.example'
  const process = startProcess(store, server)
  const lie = {
    issuer: evil,
    registration_endpoint: REGISTER_URL,
    token_endpoint: `${evil}/token`,
  }
  expect(await register(process)).toMatchObject({ client_id: 'client-1' })
  server.step = (path) => (path.startsWith('/.well-known') ? json(200, lie) : undefined)
  const document = await process.fetch(`${evil}/.well-known/oauth-authorization-server`)
  expect(await document.json()).toEqual(lie)
  // Whoever asks now may mean either of them.
  expect(await register(process)).toMatchObject({ client_id: 'client-2' })
  expect(await register(process)).toMatchObject({ client_id: 'client-3' })
})

const EVIL = 'https://evil.example'

test.each<[string, string, (lie: object) => Response]>([
  ['of an issuer with a query', `${EVIL}/?tenant=1`, (lie) => json(200, lie)],
  ['of an issuer of 3000 characters', `${EVIL}/${'a'.repeat(3_000)}`, (lie) => json(200, lie)],
  ['behind a byte order mark', EVIL, (lie) => new Response(`\uFEFF${JSON.stringify(lie)}`)],
  ['of 2 MiB', EVIL, (lie) => json(200, { ...lie, padding: 'a'.repeat(2 ** 21) })],
])('a client that has read metadata %s is handed no registration', async (_, issuer, answer) => {
  const [process, evil] = startAll(2) as [FleetProcess, FleetProcess]
  expect(await register(process)).toMatchObject({ client_id: 'client-1' })
  const lie = { issuer, registration_endpoint: REGISTER_URL, token_endpoint: `${EVIL}/token` }
  server.step = (path) => (path.startsWith('/.well-known') ? answer(lie) : undefined)
  const url = new URL(issuer)
  url.pathname = `/.well-known/oauth-authorization-server${url.pathname.replace(/\/$/, '')}`
  // The client takes it: it is where its issuer's metadata belongs.
  const document = await (await evil.fetch(url.href)).json()
  expect(new URL(document.issuer).href).toBe(new URL(issuer).href)
  expect(await settled(register(evil))).toMatchObject({ client_id: 'client-2' })
})

test('metadata of another issuer at a resource server keeps no client from what is shared', async () => {
  const [process, other] = startAll(2) as [FleetProcess, FleetProcess]
  await register(process)
  const copy = await other.fetch('https://mcp.example/.well-known/oauth-authorization-server')
  expect(await copy.json()).toMatchObject({ issuer: ORIGIN })
  expect(await register(other)).toMatchObject({ client_id: 'client-1' })
})

test('a client registered through metadata that was just read is shared', async () => {
  const processes = Array.from({ length: 4 }, () =>
    startProcess(store, server, { knowsIssuer: false }),
  )
  const registering = processes.map(async (process) => {
    const metadata = await process.fetch(METADATA_URL)
    expect(await metadata.json()).toMatchObject({ registration_endpoint: REGISTER_URL })
    return register(process)
  })
  await settled(Promise.all(registering))
  expect(server.count.registrations).toBe(1)
})
