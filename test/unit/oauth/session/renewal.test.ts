import { expect, test } from 'vitest'
import { renew } from '../../../../src/oauth/session/renewal.js'
import { Issuers } from '../../../../src/oauth/trust/issuers.js'

const ISSUER = 'https://auth.example'
const STORED = {
  token: { accessToken: 'a', refreshToken: 'r', resourceUrl: 'https://mcp.example/mcp' },
  origin: { issuer: ISSUER },
}
const never = new Promise<never>(() => undefined)

test.each([
  ['never answers', () => never],
  ['sends a body that never ends', async () => new Response(new ReadableStream())],
])('an authorization server that %s holds no request of a client', async (_, answer) => {
  const asked: string[] = []
  const outcome = await renew(STORED, {
    fetch: (url) => {
      asked.push(String(url))
      return answer()
    },
    issuers: new Issuers(),
    client: async () => ({ clientId: 'c', clientSecret: 's', redirectUri: '' }),
    readMs: 20,
  })
  expect(outcome).toEqual({ kind: 'elsewhere' })
  expect(asked).toEqual([`${ISSUER}/.well-known/oauth-authorization-server`])
})
