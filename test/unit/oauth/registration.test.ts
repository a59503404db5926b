import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { settled } from '../../support/oauth/expired-session.js'
import { type FleetProcess, startProcess } from '../../support/oauth/fleet-process.js'
import { MemoryStore } from '../../support/oauth/memory-store.js'
import {
  json,
  ORIGIN,
  REGISTER_URL,
  StrictServer,
  TOKEN_URL,
} from '../../support/oauth/strict-server.js'

let store: MemoryStore
let server: StrictServer

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] })
  store = new MemoryStore()
  server = new StrictServer()
})

afterEach(() => {
  vi.useRealTimers()
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
async function refuse(process: FleetProcess, clientId: string, answer: Response): Promise<void> {
  server.step = () => answer
  const body = new URLSearchParams({ grant_type: 'authorization_code', client_id: clientId })
  expect((await process.fetch(TOKEN_URL, { method: 'POST', body })).status).toBe(answer.status)
  server.step = () => undefined
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

test('roles, servers and initial access tokens never share a client', async () => {
  const [first, second] = startAll(2) as [FleetProcess, FleetProcess]
  const clients = await settled(
    Promise.all([
      register(first, CLIENT_ROLE),
      register(second, SERVER_ROLE),
      register(first, CLIENT_ROLE, { authorization: 'Bearer one' }),
      register(second, CLIENT_ROLE, { authorization: 'Bearer two' }),
    ]),
  )
  expect(new Set(clients.map((client) => client.client_id)).size).toBe(4)
  const registered = await register(first, SERVER_ROLE)
  expect(server.clients.get(registered.client_id)?.method).toBe('client_secret_basic')
})

test.each([
  ['invalid_client', json(400, { error: 'invalid_client' })],
  ['unauthorized_client', json(400, { error: 'unauthorized_client' })],
  ['a plain 401', new Response('', { status: 401 })],
  ['a plain 403', new Response('', { status: 403 })],
])(
  'after %s nobody who met it gets the refused client again, and one registers',
  async (_, answer) => {
    const processes = startAll(4)
    await register(processes[0] as FleetProcess)
    for (const process of processes) await refuse(process, 'client-1', answer.clone())
    const clients = await settled(Promise.all(processes.map((process) => register(process))))
    expect(clients.map((client) => client.client_id)).toEqual(Array(4).fill('client-2'))
    expect(server.count.registrations).toBe(2)
  },
)

test('a refused introspection too keeps its client from coming back', async () => {
  const [process] = startAll(1) as [FleetProcess]
  const { client_id: clientId } = await register(process, SERVER_ROLE)
  server.clients.clear()
  const answer = await process.fetch(`${ORIGIN}/introspect`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${clientId}:wrong`).toString('base64')}` },
    body: new URLSearchParams({ token: 'x' }),
  })
  expect(answer.status).toBe(401)
  expect(await register(process, SERVER_ROLE)).toMatchObject({ client_id: 'client-2' })
})

test.each<[string, number, object, boolean]>([
  ['invalid_client', 401, { error: 'invalid_client' }, true],
  ['unauthorized_client', 400, { error: 'unauthorized_client' }, true],
  ['a firewall', 403, {}, false],
  ['an outage', 503, { error: 'invalid_client' }, false],
  ['a refused code', 400, { error: 'invalid_grant' }, false],
])('%s removes the stored registration only where the server has forgotten it', async (...row) => {
  const [, status, body, removed] = row
  const [process] = startAll(1) as [FleetProcess]
  store.clients.set(ORIGIN, { clientId: 'client-1', clientSecret: '', redirectUri: '' })
  await refuse(process, 'client-1', json(status, body))
  expect(store.clients.size).toBe(removed ? 0 : 1)
})

test('a client that the authorization endpoint does not know loses its registration', async () => {
  const [process] = startAll(1) as [FleetProcess]
  store.clients.set(ORIGIN, { clientId: 'forgotten', clientSecret: '', redirectUri: '' })
  const url = `${ORIGIN}/authorize?response_type=code&client_id=forgotten`
  expect((await process.fetch(url, { method: 'GET' })).status).toBe(400)
  expect(store.clients.size).toBe(0)
})

test('a registration that replaced the refused one stays', async () => {
  const [process] = startAll(1) as [FleetProcess]
  store.clients.set(ORIGIN, { clientId: 'client-2', clientSecret: '', redirectUri: '' })
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
  ['a client with another status', json(200, { client_id: 'c' })],
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

test('a server that never answers lets the next try after requestMs', async () => {
  const processes = startAll(2)
  let hung = 1
  server.step = () => (hung-- > 0 ? new Promise(() => undefined) : undefined)
  const outcomes = await settled(Promise.allSettled(processes.map((process) => register(process))))
  expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
})
