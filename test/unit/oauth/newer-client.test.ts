import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { settled } from '../../support/oauth/expired-session.js'
import { type FleetProcess, startProcess } from '../../support/oauth/fleet-process.js'
import { MemoryStore } from '../../support/oauth/memory-store.js'
import { ORIGIN, REGISTER_URL, StrictServer } from '../../support/oauth/strict-server.js'

// What `@atxp/client` 0.11 sends and 0.2.22 does not, request by request: the registry that these tests can reach has 0.2.22 alone.

let store: MemoryStore
let server: StrictServer

beforeEach(() => {
  vi.useFakeTimers()
  store = new MemoryStore()
  server = new StrictServer()
  vi.spyOn(server, 'fetch')
})
afterEach(() => void vi.useRealTimers())

/** The requests that reached the server. */
const seen = () => vi.mocked(server.fetch).mock.calls.map(([url, init]) => new Request(url, init))

interface Account {
  type: string
  token: string
}

async function register(process: FleetProcess, { type, token }: Account): Promise<string> {
  const answer = await process.fetch(REGISTER_URL, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      'X-ATXP-Registration-Type': type,
      'X-ATXP-TOKEN': token,
    },
    body: JSON.stringify({ redirect_uris: ['http://localhost/callback'] }),
  })
  return (await answer.json()).client_id
}

test('accounts and types of registration have clients of their own, which all processes share', async () => {
  const accounts: Account[] = [
    { type: 'client', token: 'account-one' },
    { type: 'client', token: 'account-two' },
    { type: 'server', token: 'account-one' },
  ]
  const clientsOf = (process: FleetProcess) => accounts.map((account) => register(process, account))
  const processes = Array.from({ length: 4 }, () => startProcess(store, server))
  const clients = await settled(Promise.all(processes.flatMap(clientsOf)))
  const ofOneProcess = clients.slice(0, accounts.length)
  expect(new Set(ofOneProcess).size).toBe(accounts.length)
  expect(clients).toEqual(processes.flatMap(() => ofOneProcess))
  const sent = seen().map(({ headers }) => ({
    type: headers.get('x-atxp-registration-type'),
    token: headers.get('x-atxp-token'),
  }))
  expect(sent).toHaveLength(accounts.length)
  expect(sent).toEqual(expect.arrayContaining(accounts))
  for (const name of store.names) expect(name).not.toContain('account-')
})

test('the resource in an authorization URL reaches the server as it is', async () => {
  const process = startProcess(store, server)
  const clientId = await register(process, { type: 'client', token: 'account-one' })
  const resource = 'https://mcp.example/mcp?tenant=a b&x=%2F'
  const query = new URLSearchParams({
    client_id: clientId,
    redirect_uri: 'http://localhost/callback',
    response_type: 'code',
    code_challenge: 'c'.repeat(43),
    code_challenge_method: 'S256',
    state: 'some-state',
    resource,
  })
  const url = `${ORIGIN}/authorize?${query}`
  const authorize = () => process.fetch(url, { method: 'GET', redirect: 'manual' })
  expect((await authorize()).status).toBe(200)
  expect(seen().at(-1)?.url).toBe(url)
  // A resource hides no refusal of the client either.
  store.clients.set(ORIGIN, { clientId, clientSecret: 'secret', redirectUri: '' })
  server.clients.clear()
  expect((await authorize()).status).toBe(400)
  expect(store.clients.size).toBe(0)
})
