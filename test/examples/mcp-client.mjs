// Runs app.mjs of examples/mcp-client in two processes, and plays the part of a user's browser by `fetch`.
import { match, strictEqual } from 'node:assert'
import { agreeAt } from '../support/mcp/browser.mjs'
import { withTwoApps } from './two-apps.mjs'

const USER = 'user_123'
await withTwoApps('mcp-client', async (apps, authorizationServer, redis) => {
  const [first, second] = apps
  console.log(`Two processes share ${redis}: ${first.origin} and ${second.origin}.`)

  const sent = await get(first, '/whoami')
  strictEqual(sent.status, 302)
  console.log('The first sends the browser to the authorization server.')

  const callback = new URL(await agreeAt(sent.headers.get('location'), USER))
  const callbackPath = `/callback${callback.search}`
  strictEqual((await get(second, callbackPath, 'user_456')).status, 400)
  strictEqual((await get(second, callbackPath)).status, 302)
  strictEqual(await (await get(first, callbackPath)).text(), 'LOGIN_NOT_FOUND')
  console.log(
    'The callback comes to the second, which finishes the login: once, and for nobody else.',
  )

  for (const app of apps) await callTool(app)

  authorizationServer.expireAccessTokens()
  await Promise.all([first, second, first, second].map(callTool))
  const { registrations, codeGrants, refreshes, familiesRevoked } = authorizationServer.counters()
  strictEqual(`${registrations} ${codeGrants} ${refreshes} ${familiesRevoked}`, '1 1 1 0')
  console.log(
    'The access token has expired. Four calls met that at once, and one of them renewed it.',
  )
})

/** A browser that follows no redirect by itself. */
function get({ origin }, path, user = USER) {
  return fetch(`${origin}${path}`, { redirect: 'manual', headers: { cookie: `user=${user}` } })
}

async function callTool(app) {
  const text = await (await get(app, '/whoami')).text()
  match(text, /^user_123 at \/mcp/)
  console.log(`  ${text}`)
}
