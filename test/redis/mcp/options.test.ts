import { createRequire } from 'node:module'
import { expect, it } from 'vitest'
import { finishMcpLogin, type McpOAuthProviderOptions, mcpOAuthProvider } from '../../../src/mcp.js'
import { openDatabase } from '../../support/scene.js'

const db = () => openDatabase({ host: '127.0.0.1', port: 1 })

const options = (changes: object): McpOAuthProviderOptions => ({
  db: db(),
  userId: 'user_123',
  serverUrl: 'https://server.example/mcp',
  redirectUrl: 'https://app.example/callback',
  clientMetadata: {},
  onRedirect: () => undefined,
  ...changes,
})

it.each([
  [{ db: {} }, 'db must be a RedisOAuthDatabase'],
  [{ userId: 3 }, 'options.userId'],
  [{ userId: '' }, 'options.userId must not be empty'],
  [{ serverUrl: '/mcp' }, 'options.serverUrl must be an absolute URL'],
  [{ redirectUrl: 'callback' }, 'options.redirectUrl must be an absolute URL'],
  [{ clientMetadata: undefined }, 'options.clientMetadata must be an object'],
  [{ clientInformation: {} }, 'options.clientInformation must be an object with a client_id'],
  [{ onRedirect: undefined }, 'options.onRedirect must be a function'],
  [{ clientMetadataUrl: 'client.json' }, 'options.clientMetadataUrl must be an absolute URL'],
  [{ fetch: 'fetch' }, 'options.fetch must be a function'],
  [
    { redirectUri: 'https://app.example' },
    'redirectUri is not an option (did you mean redirectUrl?)',
  ],
])('%j is refused with the name of the option', (changes, message) => {
  expect(() => mcpOAuthProvider(options(changes))).toThrow(TypeError)
  expect(() => mcpOAuthProvider(options(changes))).toThrow(message)
})

it('a login is not finished for nobody, nor by no URL', async () => {
  const callbackUrl = '/callback?state=a'
  await expect(finishMcpLogin({ db: db(), callbackUrl } as never)).rejects.toThrow('options.userId')
  for (const url of ['http://', undefined, null, 5, {}]) {
    const options = { db: db(), callbackUrl: url, userId: 'user_123' }
    await expect(finishMcpLogin(options as never)).rejects.toThrow(
      'options.callbackUrl must be the URL of the callback',
    )
  }
  const nobodys = finishMcpLogin({ db: db(), callbackUrl, userId: '' })
  await expect(nobodys).rejects.toThrow('options.userId must not be empty')
  const misspelt = { db: db(), callbackUrl, userId: 'user_123', fetchFn: fetch }
  await expect(finishMcpLogin(misspelt)).rejects.toThrow('options.fetchFn is not an option')
})

it('who imports the package alone loads nothing of this', () => {
  const load = createRequire(import.meta.url)
  load('../../../dist/index.js')
  const loaded = Object.keys(load.cache).join()
  expect(loaded).toContain('redis-oauth-database.js')
  expect(loaded).not.toMatch(/[/\\]dist[/\\]mcp/)
})
