import { expect, test } from 'vitest'
import type { OAuthDb } from '../../../../src/contract.js'
import { ClientSession } from '../../../../src/oauth/session/client-session.js'

const CLIENT = { clientId: 'id', clientSecret: 'secret', redirectUri: 'https://a.example/callback' }

test('a login that begins while the client of another issuer is asked for has its own asked for, too', async () => {
  const session = new ClientSession({ isInteractive: false })
  const asked: string[] = []
  session.askForClient = async (issuer) => {
    asked.push(issuer)
    if (issuer === 'https://a.example') session.doubtClient()
  }
  const records = { getClientCredentials: async () => CLIENT } as unknown as OAuthDb
  const db = session.watch(records)
  session.doubtClient()
  await db.getClientCredentials('https://a.example')
  await db.getClientCredentials('https://b.example')
  // Nobody doubts it any more.
  await db.getClientCredentials('https://b.example')
  expect(asked).toEqual(['https://a.example', 'https://b.example'])
})
