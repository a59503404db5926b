import { expect, it } from 'vitest'
import { discovering } from '../../support/oauth/discovery.js'
import { openDatabase, startServer } from '../../support/scene.js'

const MCP_URL = 'https://server.example/mcp'
const HONEST = 'https://honest.example'
const EVIL = 'https://evil.example'

it('a refusal by another server ends no session whose issuer has become known by a refresh that left its refresh token in force', async () => {
  const db = openDatabase({ url: (await startServer()).url })
  const old = { accessToken: 'old', refreshToken: 'kept', resourceUrl: MCP_URL }
  await db.saveAccessToken('alice', MCP_URL, old)
  const answer = async (url: string | URL) =>
    new URL(url).origin === HONEST
      ? Response.json({ access_token: 'new' })
      : Response.json({ error: 'invalid_grant' }, { status: 400 })
  const fetch = await discovering((send) => db.coordinatedFetch(send), HONEST, answer)
  const refreshAt = async (issuer: string) => {
    await db.getAccessToken('alice', MCP_URL)
    const form = { grant_type: 'refresh_token', refresh_token: 'kept', client_id: 'client' }
    const { status } = await fetch(`${issuer}/token`, {
      method: 'POST',
      body: new URLSearchParams(form),
    })
    return status
  }
  expect(await refreshAt(HONEST)).toBe(200)
  expect(await refreshAt(EVIL)).toBe(400)
  expect(await db.getAccessToken('alice', MCP_URL)).toMatchObject({ accessToken: 'new' })
})
