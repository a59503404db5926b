import { OAuthAuthenticationRequiredError } from '@atxp/client'
import { OAuthResourceClient } from '@atxp/common'
import { beforeEach, expect, test } from 'vitest'
import type { Place } from '../../../src/oauth/places/token-places.js'
import { startProcess } from '../../support/oauth/fleet-process.js'
import { MemoryStore } from '../../support/oauth/memory-store.js'
import { all, type Client, callAll, clientIn } from '../../support/oauth/published-client.js'
import { json, MCP_URL, ORIGIN, StrictServer } from '../../support/oauth/strict-server.js'

const logger = { debug() {}, info() {}, warn() {}, error() {} }
const CHILD_URL = `${MCP_URL}/child/tool`

let store: MemoryStore
let server: StrictServer

beforeEach(() => {
  store = new MemoryStore()
  server = new StrictServer()
})

function startClient(): Client {
  const authorizeAnew = (place: Place) =>
    OAuthAuthenticationRequiredError.create(place.url, place.resourceUrl)
  const process = startProcess(store, server, { authorizeAnew })
  return clientIn(process)
}

const startClients = (count: number) => Array.from({ length: count }, startClient)

test('a cold start of eight processes makes one registration, and all are logged in', async () => {
  expect(await callAll(startClients(8), 1)).toEqual(all(8))
  expect(server.count.registrations).toBe(1)
})

test('eight processes with five calls each meet an expired token and make one refresh', async () => {
  const clients = startClients(8)
  await clients[0]?.call()
  server.expireAccessTokens()
  expect(await callAll(clients, 5)).toEqual(all(40))
  expect(server.count).toMatchObject({ refreshes: 1, familiesRevoked: 0, authorizations: 1 })
})

test('parent and child paths share one record through many refreshes', async () => {
  const clients = startClients(4)
  await clients[0]?.call()
  for (let round = 1; round <= 5; round++) {
    server.expireAccessTokens()
    const calls = [callAll(clients, 2, CHILD_URL), callAll(clients, 2)]
    expect((await Promise.all(calls)).flat()).toEqual(all(16))
    expect(server.count).toMatchObject({ refreshes: round, familiesRevoked: 0 })
  }
  expect(store.records.size).toBe(1)
})

test('a refresh token that the server omits outlives many refreshes', async () => {
  const clients = startClients(3)
  await clients[0]?.call()
  server.rotates = false
  server.omitsRefreshToken = true
  for (let round = 1; round <= 3; round++) {
    server.expireAccessTokens()
    expect(await callAll(clients, 2)).toEqual(all(6))
    expect(server.count).toMatchObject({ refreshes: round, authorizations: 1 })
  }
})

test('a dead refresh token is asked for once, and the very calls that met it succeed', async () => {
  const clients = startClients(4)
  await clients[0]?.call()
  server.families.length = 0
  expect(await callAll(clients, 3)).toEqual(all(12))
  expect(server.count).toMatchObject({ refusedRefreshes: 1, registrations: 1 })
})

test('a call below the path of a dead record authorizes anew too', async () => {
  const client = startClient()
  await client.call()
  server.families.length = 0
  expect(await client.call(CHILD_URL)).toBe(200)
  expect(store.records.size).toBe(1)
})

test('a client that the server forgot is registered once again, within the same calls', async () => {
  const clients = startClients(4)
  await clients[0]?.call()
  server.clients.clear()
  server.families.length = 0
  expect(await callAll(clients, 3)).toEqual(all(12))
  expect(server.count.registrations).toBe(2)
})

test('a client that is found forgotten at the authorization endpoint is registered by the next call', async () => {
  const client = startClient()
  await client.call()
  server.clients.clear()
  store.records.clear()
  await expect(client.call()).rejects.toThrow()
  expect(await client.call()).toBe(200)
  expect(server.count.registrations).toBe(2)
})

test('one 503 fails one call of all', async () => {
  const clients = startClients(4)
  await clients[0]?.call()
  server.expireAccessTokens()
  let failures = 1
  server.step = (path, when) =>
    path === '/token' && when === 'request' && failures-- > 0 ? json(503, {}) : undefined
  const outcomes = await Promise.allSettled(
    clients.flatMap((client) => [1, 2].map(() => client.call())),
  )
  expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(1)
  expect(server.count).toMatchObject({ refreshes: 1, familiesRevoked: 0 })
})

test('resource clients introspect with one registration, and with one more once it is forgotten', async () => {
  const clients = Array.from({ length: 4 }, () => {
    const { db, fetch } = startProcess(store, server)
    return new OAuthResourceClient({ db, sideChannelFetch: fetch, logger })
  })
  const introspectAll = () =>
    Promise.all(clients.map((client) => client.introspectToken(ORIGIN, 'token')))
  for (const answer of await introspectAll()) expect(answer.active).toBe(true)
  expect(server.count.registrations).toBe(1)
  server.clients.clear()
  for (const answer of await introspectAll()) expect(answer.active).toBe(true)
  expect(server.count.registrations).toBe(2)
})
