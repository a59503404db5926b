import { expect, test } from 'vitest'
import type { OAuthDb } from '../../../../src/leaves/contract.js'
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

test('a login ends when its session is saved, when nobody is let in, or when its time is over', async () => {
  const session = new ClientSession({ isInteractive: false })
  const records = { saveAccessToken: async () => undefined } as unknown as OAuthDb
  const [saved, refused] = [session.login('a', 60_000), session.login('b', 60_000)]
  await session.watch(records).saveAccessToken('a', '', { accessToken: 'token', resourceUrl: '' })
  expect(await saved).toBe('loggedIn')
  session.loginFailed()
  expect(await refused).toBe('loginFailed')
  expect(await session.login('c', 1)).toBeUndefined()
})
