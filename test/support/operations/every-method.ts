import type { RedisOAuthDatabase } from '../../../src/index.js'

export const SERVER_URL = 'https://auth.example'
export const URL_OF_TOKEN = 'https://mcp.example/'
export const USER = 'user'
const EXPIRY_MS = 60_000

const ACCESS_TOKEN = { accessToken: 'access', refreshToken: 'refresh', resourceUrl: URL_OF_TOKEN }
const CLIENT = { clientId: 'id', clientSecret: 'secret', redirectUri: URL_OF_TOKEN }
const PKCE = {
  codeVerifier: 'verifier',
  codeChallenge: 'challenge',
  resourceUrl: URL_OF_TOKEN,
  url: URL_OF_TOKEN,
}

/** The keys of so many tokens. */
export const keysOf = (count: number): string[] => Array.from({ length: count }, (_, i) => `a${i}`)

export type Call = (db: RedisOAuthDatabase, keys: string[]) => Promise<unknown>

/** A call of each method that may wait, over a database as {@link fill} leaves it. */
export const CALLS: { readonly [method: string]: Call } = {
  ping: (db) => db.ping(),
  health: (db) => db.health(),
  ready: (db) => db.ready({ write: true }),
  storeToken: (db) => db.storeToken('a0', 'next', new Date(Date.now() + EXPIRY_MS)),
  storeTokens: (db, keys) => db.storeTokens(keys.map((key) => ({ key, token: 'next' }))),
  getToken: (db) => db.getToken('a0'),
  getTokens: (db, keys) => db.getTokens(keys),
  hasToken: (db) => db.hasToken('a0'),
  getTokenExpiry: (db) => db.getTokenExpiry('a0'),
  listTokens: (db) => db.listTokens(),
  scanTokens: (db) => db.scanTokens().next(),
  deleteToken: (db) => db.deleteToken('a0'),
  deleteTokens: (db, keys) => db.deleteTokens(keys),
  getClientCredentials: (db) => db.getClientCredentials(SERVER_URL),
  saveClientCredentials: (db) =>
    db.saveClientCredentials(SERVER_URL, { ...CLIENT, clientSecret: 'next' }),
  deleteClientCredentials: (db) => db.deleteClientCredentials(SERVER_URL),
  forResourceServer: (db) => db.forResourceServer().getClientCredentials(SERVER_URL),
  getPKCEValues: (db) => db.getPKCEValues(USER, 'state'),
  deletePKCEValues: (db) => db.deletePKCEValues(USER, 'state'),
  savePKCEValues: (db) => db.savePKCEValues(USER, 'state', { ...PKCE, codeVerifier: 'next' }),
  getAccessToken: (db) => db.getAccessToken(USER, URL_OF_TOKEN),
  saveAccessToken: (db) =>
    db.saveAccessToken(USER, URL_OF_TOKEN, { ...ACCESS_TOKEN, accessToken: 'next' }),
  deleteAccessToken: (db) => db.deleteAccessToken(USER, URL_OF_TOKEN),
  listAccessTokens: (db) => db.listAccessTokens(USER),
  deleteUser: (db) => db.deleteUser(USER),
  singleFlight: (db) =>
    db.singleFlight('work', async () => 'done', { recheck: async () => undefined }),
  coordinatedFetch: refresh,
}

async function refresh(db: RedisOAuthDatabase): Promise<unknown> {
  const renewed = { access_token: 'renewed', refresh_token: 'renewed', token_type: 'Bearer' }
  const fetch = db.coordinatedFetch(async () => Response.json(renewed))
  const body = new URLSearchParams({
    grant_type: 'refresh_token',
    refresh_token: 'refresh',
    client_id: 'id',
  })
  return fetch(`${SERVER_URL}/token`, { method: 'POST', body })
}

/** Stores a record of each kind, and a token for each key. */
export async function fill(db: RedisOAuthDatabase, keys: string[]): Promise<void> {
  await db.storeTokens(keys.map((key) => ({ key, token: 'first' })))
  await db.saveClientCredentials(SERVER_URL, CLIENT)
  await db.forResourceServer().saveClientCredentials(SERVER_URL, CLIENT)
  await db.savePKCEValues(USER, 'state', PKCE)
  await db.saveAccessToken(USER, URL_OF_TOKEN, ACCESS_TOKEN)
}
