// Runs app.mjs of examples/ai-sdk in two processes, and plays the part of a user's browser by `fetch`.
import { strictEqual } from 'node:assert'
import { agreeAt } from '../support/mcp/browser.mjs'
import { withTwoApps } from './two-apps.mjs'

await withTwoApps('ai-sdk', async ([first, second], authorizationServer) => {
  const sent = await get(first, '/')
  strictEqual(sent.status, 302)
  console.log('The first process sends the browser to the authorization server.')

  const callback = new URL(await agreeAt(sent.headers.get('location'), 'user_123'))
  strictEqual((await get(second, `/callback${callback.search}`)).status, 302)
  console.log('The second finishes the login.')

  await listTools(first)
  authorizationServer.expireAccessTokens()
  await Promise.all([first, second, first, second].map(listTools))
  const { registrations, refreshes, familiesRevoked } = authorizationServer.counters()
  strictEqual(`${registrations} ${refreshes} ${familiesRevoked}`, '1 1 0')
  console.log('Both list the tools. One of them has refreshed the expired access token.')
})

/** A browser that follows no redirect by itself. */
function get({ origin }, path) {
  return fetch(`${origin}${path}`, { redirect: 'manual' })
}

async function listTools(app) {
  strictEqual(await (await get(app, '/')).text(), 'whoami\n')
}
