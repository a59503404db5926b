import { expect, it } from 'vitest'
import type { CoordinatedFetchOptions, FetchLike, RedisOAuthDatabase } from '../../../src/index.js'
import { openDatabase, startServer } from '../../support/scene.js'

const USER = 'alice'
const MCP = 'https://server.example/mcp'
const TOKEN_ENDPOINT = 'https://auth.example/token'

/** An authorization server and a resource server that takes the newest token alone. */
function startSession() {
  let renewals = 0
  const tokens = () => ({ access_token: `a${renewals}`, refresh_token: `r${renewals}` })
  const fetch: FetchLike = async (url, init) => {
    if (String(url) === TOKEN_ENDPOINT) {
      renewals += 1
      return Response.json(tokens())
    }
    const token = new Headers(init?.headers).get('authorization')
    return new Response(null, { status: token === `Bearer a${renewals}` ? 200 : 401 })
  }
  return { fetch, renewals: () => renewals }
}

function call(fetch: FetchLike, accessToken: string): Promise<Response> {
  return fetch(MCP, { headers: { authorization: `Bearer ${accessToken}` } })
}

async function refresh(db: RedisOAuthDatabase, fetch: FetchLike): Promise<unknown> {
  const token = await db.getAccessToken(USER, MCP)
  const body = new URLSearchParams({
    grant_type: 'refresh_token',
    refresh_token: token?.refreshToken ?? '',
  })
  return (await fetch(TOKEN_ENDPOINT, { method: 'POST', body })).json()
}

/** A client's old token is refused, a peer renews it, and then the client reads the record and refreshes. */
async function refreshLate(
  wire: (db: RedisOAuthDatabase, fetch: FetchLike) => [FetchLike, FetchLike],
) {
  const { url } = await startServer()
  const [db, peer] = [openDatabase({ url }), openDatabase({ url })]
  const session = startSession()
  await db.saveAccessToken(USER, MCP, { accessToken: 'a-1', refreshToken: 'r-1', resourceUrl: MCP })
  const [fetchFn, oAuthChannelFetch] = wire(db, session.fetch)
  expect((await call(fetchFn, 'a-1')).status).toBe(401)
  await refresh(peer, peer.coordinatedFetch(session.fetch))
  return { answer: await refresh(db, oAuthChannelFetch), renewals: session.renewals() }
}

it('one fetch for all of a client: what a peer has just renewed is not renewed again', async () => {
  const { answer, renewals } = await refreshLate((db, fetch) => {
    const coordinated = db.coordinatedFetch(fetch)
    return [coordinated, coordinated]
  })
  expect(answer).toMatchObject({ access_token: 'a1', refresh_token: 'r1' })
  expect(renewals).toBe(1)
})

it('two that were made with one object are of one client', async () => {
  const options: CoordinatedFetchOptions = {}
  const { renewals } = await refreshLate((db, fetch) => [
    db.coordinatedFetch(fetch, options),
    db.coordinatedFetch(fetch, options),
  ])
  expect(renewals).toBe(1)
})

it('two of two clients know nothing of one another', async () => {
  const { answer, renewals } = await refreshLate((db, fetch) => [
    db.coordinatedFetch(fetch),
    db.coordinatedFetch(fetch),
  ])
  expect(answer).toMatchObject({ access_token: 'a2', refresh_token: 'r2' })
  expect(renewals).toBe(2)
})
