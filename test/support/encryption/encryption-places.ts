import type { Redis } from 'ioredis'
import { expect } from 'vitest'
import { createNameHash } from '../../../src/crypto/name-hash.js'
import type { RedisOAuthDatabase, RedisOAuthDatabaseOptions } from '../../../src/index.js'
import { unreadableRecord } from '../../../src/leaves/errors.js'
import { KeySpace } from '../../../src/record/keys.js'
import { openDatabase, startServer } from '../scene.js'
import { bareClient } from '../servers/bare-client.js'

// Records of every kind, every method that reads them, and somebody who can write to Redis.

const URLS = ['https://one.example/mcp', 'https://two.example/mcp'] as const
const ISSUERS = ['https://auth.example', 'https://auth.example/other'] as const
const USERS = ['alice', 'bob'] as const
const STATES = ['state-1', 'state-2'] as const
/** Users also name tokens: only the kind of the record differs. */
const TOKENS = USERS

/** What every refusal says behind the name of the method, whatever its reason. */
export const REFUSAL: { code: string; message: string } = {
  code: 'UNREADABLE_RECORD',
  message: expect.stringMatching(
    new RegExp(
      `^\\w+ failed: ${unreadableRecord().message.replaceAll('.', '\\.')} \\(record [0-9a-f]{12}\\)$`,
    ),
  ),
}

type Reading = () => Promise<unknown>

/** One record, and every method that reads it. */
export interface Place {
  key: string
  readings: Record<string, Reading>
  /** Sends a refresh of the access token's pair that stands there. */
  refresh?: Reading
}

export interface Scene {
  url: string
  /** As whoever can write to Redis. */
  redis: Redis
  db: RedisOAuthDatabase
  places: Place[]
  originals: Map<string, Buffer>
  /** How many requests reached the authorization server. */
  requests(): number
}

/** A record of each place, saved and read once by a database with those options. */
export async function prepare(options: RedisOAuthDatabaseOptions): Promise<Scene> {
  const { url, path } = await startServer()
  const redis = bareClient({ path })
  const db = openDatabase({ url, singleUsePkce: false, ...options })
  await saveAll(db)
  let requests = 0
  const places = placesOf(db, options, async () => {
    requests += 1
    return Response.json({ access_token: 'next', refresh_token: 'next' })
  })
  const originals = new Map<string, Buffer>()
  for (const place of places) {
    originals.set(place.key, (await redis.getBuffer(place.key)) as Buffer)
    // From here on the database remembers what it has opened.
    await readAll(place)
  }
  return { url, redis, db, places, originals, requests: () => requests }
}

export async function saveAll(db: RedisOAuthDatabase): Promise<void> {
  const client = { clientId: 'rs', clientSecret: 's', redirectUri: 'https://app.example' }
  const resourceServer = db.forResourceServer()
  for (const user of USERS) {
    await db.storeToken(user, `token of ${user}`)
    for (const url of URLS) {
      const refreshToken = refreshTokenOf(user, url)
      await db.saveAccessToken(user, url, { accessToken: 'a', refreshToken, resourceUrl: url })
    }
    for (const state of STATES) {
      const values = { codeVerifier: `${user} ${state}`, codeChallenge: 'c' }
      await db.savePKCEValues(user, state, { ...values, resourceUrl: URLS[0], url: URLS[0] })
    }
  }
  for (const issuer of ISSUERS) {
    await db.saveClientCredentials(issuer, { ...client, clientId: issuer })
    await resourceServer.saveClientCredentials(issuer, client)
  }
}

const refreshTokenOf = (user: string, url: string): string => `refresh-${user}-${url}`

export function placesOf(
  db: RedisOAuthDatabase,
  { hashKeys }: RedisOAuthDatabaseOptions,
  authorizationServer: () => Promise<Response>,
): Place[] {
  const names = new KeySpace('atxp:oauth:', hashKeys && createNameHash(hashKeys))
  const fetch = db.coordinatedFetch(authorizationServer)
  const resourceServer = db.forResourceServer()
  const ofToken = (key: string): Place => ({
    key: names.of('token', key).redisKey,
    readings: {
      getToken: () => db.getToken(key),
      getTokens: () => db.getTokens(TOKENS),
      // Otherwise the names say it all.
      ...(hashKeys && { listTokens: () => db.listTokens(), scanTokens: () => scanned(db) }),
    },
  })
  const ofAccessToken = (user: string, url: string): Place => ({
    key: names.of('access', user, url).redisKey,
    readings: {
      getAccessToken: () => db.getAccessToken(user, url),
    },
    refresh: () => {
      const refreshToken = refreshTokenOf(user, url)
      const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken })
      return fetch(`${ISSUERS[0]}/token`, { method: 'POST', body })
    },
  })
  const ofLogin = (user: string, state: string): Place => ({
    key: names.of('pkce', user, state).redisKey,
    readings: { getPKCEValues: () => db.getPKCEValues(user, state) },
  })
  return [
    ...TOKENS.map(ofToken),
    ...USERS.flatMap((user) => URLS.map((url) => ofAccessToken(user, url))),
    ...USERS.flatMap((user) => STATES.map((state) => ofLogin(user, state))),
    ...ISSUERS.map((issuer) => ({
      key: names.of('client', issuer).redisKey,
      readings: { getClientCredentials: () => db.getClientCredentials(issuer) },
    })),
    ...ISSUERS.map((issuer) => ({
      key: names.of('resource', issuer).redisKey,
      readings: { getClientCredentials: () => resourceServer.getClientCredentials(issuer) },
    })),
  ]
}

async function scanned(db: RedisOAuthDatabase): Promise<void> {
  for await (const _ of db.scanTokens());
}

/** Every method that reads the place finds something. */
export async function readAll({ key, readings }: Place): Promise<void> {
  for (const [name, reading] of Object.entries(readings)) {
    expect([key, name, await reading()]).not.toEqual([key, name, null])
  }
}

/** Every method that reads the place refuses what stands there, in the same words, and leaves it there. */
export async function expectRefusal(
  redis: Redis,
  { key, readings, refresh }: Place,
): Promise<void> {
  const standing = await redis.getBuffer(key)
  for (const [name, reading] of Object.entries({ ...readings, ...(refresh && { refresh }) })) {
    const outcome = await reading().then(
      (value) => ({ value }),
      ({ code, message }) => ({ code, message }),
    )
    expect({ key, name, ...outcome }).toEqual({ key, name, ...REFUSAL })
  }
  expect(await redis.getBuffer(key)).toEqual(standing)
}

/** The id of the key that a value is sealed with, or `plain`. In a string of UTF-8 the first byte is U+FFFD. */
export function formOf(value: string | Buffer | null): string {
  const text = typeof value === 'string' ? value : (value?.toString('latin1') ?? '')
  const isSealed = text[0] === '\xfa' || text[0] === '\ufffd'
  return isSealed ? text.slice(3, 3 + text.charCodeAt(2)) : 'plain'
}
