// Uses a database with DEBUG=* and prints nothing by itself: what is printed, ioredis and others have printed.
import { createRequire } from 'node:module'

const { RedisOAuthDatabase } = createRequire(import.meta.url)('../../../dist/index.js')
const { options, secret } = JSON.parse(process.argv[2] ?? '{}')

const url = 'https://mcp.example/'
const issuer = 'https://issuer.example'
const db = new RedisOAuthDatabase(options)
await db.storeToken('key', `${secret}-token`)
await db.storeTokens([{ key: 'other', token: `${secret}-other` }])
await Promise.all([db.getToken('key'), db.getToken('other'), db.listTokens()])
await db.saveClientCredentials(issuer, {
  clientId: 'id',
  clientSecret: `${secret}-client`,
  redirectUri: url,
})
await db.savePKCEValues('user', 'state', {
  codeVerifier: `${secret}-verifier`,
  codeChallenge: 'challenge',
  resourceUrl: url,
  url,
})
await db.getPKCEValues('user', 'state')
await db.saveAccessToken('user', url, {
  accessToken: `${secret}-access`,
  refreshToken: `${secret}-refresh`,
  resourceUrl: url,
})
const renewed = { access_token: `${secret}-renewed`, refresh_token: `${secret}-next` }
const fetch = db.coordinatedFetch(async () => Response.json(renewed))
await fetch(`${issuer}/token`, {
  method: 'POST',
  body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: `${secret}-refresh` }),
})
await db.deleteUser('user')
await db.close()
