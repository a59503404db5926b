import { randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import * as admin from '../../../src/admin.js'
import { fingerprint } from '../../../src/flight/fingerprint.js'
import type { RedisOAuthDatabase } from '../../../src/index.js'
import type { FetchLike } from '../../../src/leaves/contract.js'
import { discovering } from '../oauth/discovery.js'

// Everything that this library keeps in Redis, with texts that can be searched for.

const ISSUER = 'https://issuer'

/** A text that stands nowhere by chance. */
const marked = (what: string): string => `${what}-${randomBytes(12).toString('hex')}`

/** What nobody may read. */
export const SECRETS = {
  token: marked('token'),
  importedToken: `é"\\${marked('imported')}`,
  accessToken: `${marked('header')}.${marked('claims')}.${marked('signature')}`,
  refreshToken: marked('refresh'),
  renewedAccessToken: marked('renewed-access'),
  renewedRefreshToken: marked('renewed-refresh'),
  refusedRefreshToken: marked('refused'),
  memberOfANewerSdk: marked('member'),
  clientId: marked('client'),
  clientSecret: marked('client-secret'),
  resourceClientSecret: marked('resource-secret'),
  registeredClientId: marked('registered'),
  registeredClientSecret: marked('registered-secret'),
  redirectUri: `https://app.example/${marked('callback')}`,
  codeVerifier: marked('verifier'),
  codeChallenge: marked('challenge'),
  resourceUrl: `https://server.example/${marked('resource')}`,
}

/** What has no business in Redis, sealed or not. */
export const NEVER_STORED = {
  initialAccessToken: marked('initial'),
  resultOfWork: marked('result'),
}

/** What stands in names, and so can be read unless names are hashed. */
export const NAMES = {
  tokenKey: marked('key'),
  importedTokenKey: marked('imported-key'),
  user: `base:${marked('user')}`,
  url: `https://server.example/${marked('url')}`,
  refusedUrl: `https://server.example/${marked('refused-url')}`,
  authorizationServer: `${ISSUER}.example/${marked('issuer')}`,
  authorizationServerOfResource: `${ISSUER}.example/${marked('resource-issuer')}`,
  state: marked('state'),
  consumedState: marked('consumed-state'),
}

/** What whoever knows or guesses users, URLs and client ids can compute without a key. */
export const GUESSES = {
  turnToRegister: fingerprint('registration turn', 'client', NAMES.authorizationServer),
  loginAfterRefusal: fingerprint(fingerprint('authorize', NAMES.user, NAMES.refusedUrl)),
  refusedClient: fingerprint(NAMES.authorizationServer, SECRETS.clientId),
}

const TOKEN_ENDPOINT = `${NAMES.authorizationServer}/token`
/** Calls every method of two processes' worth, as they meet; `look` is called while leases are held. */
export async function useEverything(
  db: RedisOAuthDatabase,
  peer: RedisOAuthDatabase,
  durable: RedisOAuthDatabase,
  look: () => Promise<void>,
): Promise<void> {
  await storeTokens(db, durable)
  // Before the marker of the durable write has gone.
  await look()
  const { user, url, authorizationServer, authorizationServerOfResource } = NAMES
  const { clientId, clientSecret, redirectUri } = SECRETS
  const client = { clientId, clientSecret, redirectUri }
  const resourceServer = db.forResourceServer()
  // Nobody has registered yet: this takes a turn.
  expect(await db.getClientCredentials(authorizationServer)).toBeNull()
  await look()
  await db.saveClientCredentials(authorizationServer, client)
  await resourceServer.saveClientCredentials(authorizationServerOfResource, {
    ...client,
    clientSecret: SECRETS.resourceClientSecret,
  })
  expect(await peer.getClientCredentials(authorizationServer)).toEqual(client)
  await logIn(db)
  await look()
  const { accessToken, refreshToken, refusedRefreshToken, resourceUrl } = SECRETS
  const member = { ofANewerSdk: SECRETS.memberOfANewerSdk }
  await db.saveAccessToken(user, url, { accessToken, refreshToken, resourceUrl, ...member })
  await db.saveAccessToken(user, NAMES.refusedUrl, {
    accessToken,
    refreshToken: refusedRefreshToken,
    resourceUrl,
  })
  expect(await db.listAccessTokens(user)).toHaveLength(2)
  await refresh(db, peer, look)
  await register(db, peer, look)
  await beRefused(db, peer, look)
  await db.singleFlight('work', async () => NEVER_STORED.resultOfWork, {
    recheck: async () => undefined,
  })
  await look()
}

/** Of each function of an operator a call; the last two delete. */
const OPERATOR_CALLS: {
  readonly [Name in keyof typeof admin]: (db: RedisOAuthDatabase) => Promise<unknown>
} = {
  sessions: (db) => admin.sessions(db, NAMES.user),
  users: (db) => listOf(admin.users(db)),
  registrations: (db) => listOf(admin.registrations(db)),
  doctor: (db) => admin.doctor(db),
  findUnreadable: (db) => listOf(admin.findUnreadable(db)),
  exportRecords: (db) => listOf(admin.exportRecords(db, { secrets: 'plain' })),
  importRecords: async (db) => {
    const lines = await listOf(admin.exportRecords(db, { secrets: 'plain' }))
    return admin.importRecords(db, lines, { secrets: 'plain', overwrite: true })
  },
  importPublished: (db) => admin.importPublished(db),
  reseal: (db) => admin.reseal(db).catch((error) => expect(error).toBeInstanceOf(TypeError)),
  revokeSession: (db) => admin.revokeSession(db, NAMES.user, NAMES.refusedUrl),
  revokeUser: (db) => admin.revokeUser(db, NAMES.user),
}

async function listOf<T>(found: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const one of found) list.push(one)
  return list
}

/** Calls every method that {@link useEverything} leaves out, and all that operators call. Deletes what is there. */
export async function useTheRest(db: RedisOAuthDatabase): Promise<void> {
  const { tokenKey, importedTokenKey, user, url, state } = NAMES
  await db.ping()
  await db.health()
  db.encryptionKeyUsage()
  expect(await db.hasToken(tokenKey)).toBe(true)
  await db.getTokenExpiry(tokenKey)
  await listOf(db.scanTokens())
  await db.reseal().catch((error) => expect(error).toBeInstanceOf(TypeError))
  for (const call of Object.values(OPERATOR_CALLS).slice(0, -2)) await call(db)
  await db.deletePKCEValues(user, state)
  const ifRefreshToken = SECRETS.renewedRefreshToken
  expect(await db.deleteAccessToken(user, url, { ifRefreshToken })).toBe(true)
  await db.deleteClientCredentials(NAMES.authorizationServer)
  await db.deleteToken(tokenKey)
  await db.deleteTokens([importedTokenKey])
  for (const call of Object.values(OPERATOR_CALLS).slice(-2)) await call(db)
  await db.deleteUser(user)
}

async function storeTokens(db: RedisOAuthDatabase, durable: RedisOAuthDatabase): Promise<void> {
  const { tokenKey, importedTokenKey } = NAMES
  await db.storeToken(tokenKey, SECRETS.token, new Date(Date.now() + 3_600_000))
  await db.storeTokens([{ key: importedTokenKey, token: SECRETS.importedToken }])
  expect(await db.getTokens([tokenKey, importedTokenKey])).toHaveProperty('size', 2)
  expect(await db.getToken(tokenKey)).toBe(SECRETS.token)
  expect((await db.listTokens()).sort()).toEqual([importedTokenKey, tokenKey].sort())
  // Nobody replicates, so it fails once the marker is written.
  await expect(durable.storeToken(tokenKey, SECRETS.token)).rejects.toHaveProperty(
    'code',
    'NOT_DURABLE',
  )
}

async function logIn(db: RedisOAuthDatabase): Promise<void> {
  const { user, url, state, consumedState } = NAMES
  const { codeVerifier, codeChallenge, resourceUrl } = SECRETS
  const values = { codeVerifier, codeChallenge, resourceUrl, url }
  await db.savePKCEValues(user, state, values)
  await db.savePKCEValues(user, consumedState, values)
  expect(await db.getPKCEValues(user, consumedState)).toEqual(values)
}

/** Both need a refresh at once: one does it, the other waits. */
async function refresh(
  db: RedisOAuthDatabase,
  peer: RedisOAuthDatabase,
  look: () => Promise<void>,
): Promise<void> {
  const answer = async (): Promise<Response> => {
    await look()
    return Response.json({
      access_token: SECRETS.renewedAccessToken,
      refresh_token: SECRETS.renewedRefreshToken,
      token_type: 'Bearer',
    })
  }
  const answers = await Promise.all(
    [db, peer].map(async (one) => {
      await one.getAccessToken(NAMES.user, NAMES.url)
      return one.coordinatedFetch(answer)(TOKEN_ENDPOINT, refreshRequest(SECRETS.refreshToken))
    }),
  )
  for (const { status } of answers) expect(status).toBe(200)
  const token = await peer.getAccessToken(NAMES.user, NAMES.url)
  expect(token?.refreshToken).toBe(SECRETS.renewedRefreshToken)
}

/** Both register at once: one does it, and the other gets the reply. */
async function register(
  db: RedisOAuthDatabase,
  peer: RedisOAuthDatabase,
  look: () => Promise<void>,
): Promise<void> {
  let registrations = 0
  const answer = async (): Promise<Response> => {
    registrations += 1
    await look()
    const { registeredClientId: client_id, registeredClientSecret: client_secret } = SECRETS
    return Response.json({ client_id, client_secret }, { status: 201 })
  }
  const request = {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${NEVER_STORED.initialAccessToken}`,
    },
    body: JSON.stringify({ redirect_uris: [SECRETS.redirectUri] }),
  }
  const replies = await Promise.all(
    [db, peer].map(async (one) => {
      const fetch = await discoveredBy(one, answer)
      return fetch(`${NAMES.authorizationServer}/register`, request)
    }),
  )
  for (const reply of replies) {
    expect(await reply.json()).toHaveProperty('client_id', SECRETS.registeredClientId)
  }
  expect(registrations).toBe(1)
}

/** The authorization server fails once, then refuses a refresh token, and then the client. */
async function beRefused(
  db: RedisOAuthDatabase,
  peer: RedisOAuthDatabase,
  look: () => Promise<void>,
): Promise<void> {
  await db.getAccessToken(NAMES.user, NAMES.refusedUrl)
  const refusing =
    (error: string): FetchLike =>
    async () =>
      Response.json({ error }, { status: 400 })
  const failing = async (): Promise<Response> => Response.json({}, { status: 503 })
  const request = refreshRequest(SECRETS.refusedRefreshToken)
  expect((await db.coordinatedFetch(failing)(TOKEN_ENDPOINT, request)).status).toBe(503)
  await look()
  const refused = await db.coordinatedFetch(refusing('invalid_grant'), {
    authorizeAnew: async () => {
      await look()
      return null
    },
  })(TOKEN_ENDPOINT, refreshRequest(SECRETS.refusedRefreshToken))
  expect(refused.status).toBe(400)
  // The peer knows the client by then: it sends what it has read.
  const { clientId: client_id, clientSecret: client_secret } = SECRETS
  await peer.getClientCredentials(NAMES.authorizationServer)
  const refusesClient = await discoveredBy(peer, refusing('invalid_client'))
  await refusesClient(TOKEN_ENDPOINT, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      code: 'c',
      client_id,
      client_secret,
    }),
  })
  expect(await db.getClientCredentials(NAMES.authorizationServer)).toBeNull()
}

function discoveredBy(db: RedisOAuthDatabase, answer: FetchLike): Promise<FetchLike> {
  return discovering((fetch) => db.coordinatedFetch(fetch), NAMES.authorizationServer, answer)
}

function refreshRequest(refreshToken: string): { method: string; body: URLSearchParams } {
  const body = new URLSearchParams({
    grant_type: 'refresh_token',
    refresh_token: refreshToken,
    client_id: SECRETS.clientId,
    client_secret: SECRETS.clientSecret,
  })
  return { method: 'POST', body }
}
