import { beforeEach, expect, test } from 'vitest'
import type { FetchLike } from '../../../../src/leaves/contract.js'
import { ClientSession } from '../../../../src/oauth/session/client-session.js'
import { startProcess } from '../../../support/oauth/fleet-process.js'
import { MemoryStore } from '../../../support/oauth/memory-store.js'
import { all, type Client, callAll, clientIn } from '../../../support/oauth/published-client.js'
import { MCP_URL, StrictServer } from '../../../support/oauth/strict-server.js'

let store: MemoryStore
let server: StrictServer

beforeEach(() => {
  store = new MemoryStore()
  server = new StrictServer()
  server.namesError = false
})

/** Clients whose `fetch` follows a redirect to `url` before each answer of the MCP server. */
function startRedirected(count: number, url: string): Client[] {
  const fetch: FetchLike = async (asked, init) => {
    const answer = await server.fetch(asked, init)
    if (!String(asked).startsWith(MCP_URL)) return answer
    return Object.defineProperties(answer, { redirected: { value: true }, url: { value: url } })
  }
  const redirecting: StrictServer = Object.assign(Object.create(server), { fetch })
  return Array.from({ length: count }, () => {
    const session = new ClientSession({ isInteractive: false })
    return clientIn(startProcess(store, redirecting, { session }))
  })
}

test('a 401 after a redirect below the called url is settled as any other', async () => {
  const clients = startRedirected(6, `${MCP_URL}/`)
  await clients[0]?.call()
  server.expireAccessTokens()
  expect(await callAll(clients, 3)).toEqual(all(18))
  expect(server.count).toMatchObject({ refreshes: 1, authorizations: 1, familiesRevoked: 0 })
})

test('a 401 after a redirect to the called url without its last slash is settled as any other', async () => {
  const clients = startRedirected(6, MCP_URL)
  const called = `${MCP_URL}/`
  await clients[0]?.call(called)
  server.expireAccessTokens()
  expect(await callAll(clients, 3, called)).toEqual(all(18))
  expect(server.count).toMatchObject({ refreshes: 1, authorizations: 1, familiesRevoked: 0 })
})

test.each(['https://evil.example/mcp', new URL('/', MCP_URL).href, `${MCP_URL}-other`])(
  'a 401 after a redirect to %s renews nothing here',
  async (url) => {
    const clients = startRedirected(2, url)
    await clients[0]?.call()
    server.expireAccessTokens()
    await callAll(clients, 1)
    expect(server.count).toMatchObject({ refreshes: 0 })
  },
)
