import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { RedisOAuthDatabase } from '../../../src/database/redis-oauth-database.js'
import type { RedisOAuthDatabaseOptions } from '../../../src/options/options.js'
import { methodsOf } from '../../support/methods-of.js'
import { aclRule } from '../../support/servers/acl-rule.js'
import { type RedisServer, redisMajor, startRedis } from '../../support/servers/redis-server.js'

const USER = { name: 'atxp', password: 'a-password', rule: aclRule('atxp:oauth:', redisMajor()) }
const TENANT = {
  name: 'tenant',
  password: 'another-password',
  rule: aclRule('other:', redisMajor()),
}
const URL_OF_SERVER = 'https://auth.example'
const URL = 'https://mcp.example/'

let redis: RedisServer
let db: RedisOAuthDatabase

beforeAll(async () => {
  redis = await startRedis({ users: [USER, TENANT] })
  db = open()
})

afterAll(async () => {
  await db.close()
  await redis.stop()
})

function open(options: RedisOAuthDatabaseOptions = {}): RedisOAuthDatabase {
  return new RedisOAuthDatabase({
    host: redis.host,
    port: redis.port,
    username: USER.name,
    password: USER.password,
    ...options,
  })
}

const tokens = { accessToken: 'access', refreshToken: 'refresh', resourceUrl: URL }
const client = { clientId: 'id', clientSecret: 'secret', redirectUri: URL }
const pkce = { codeVerifier: 'verifier', codeChallenge: 'challenge', resourceUrl: URL, url: URL }

/** Each method that sends something, in an order in which each has something to do. */
const calls: { readonly [method: string]: () => unknown } = {
  ping: () => db.ping(),
  storeToken: () =>
    Promise.all([
      db.storeToken('a', 'token'),
      db.storeToken('b', 'token', new Date(Date.now() + 60_000)),
      db.storeToken('c', 'token', new Date(Date.now() - 60_000)),
      db.storeToken('d', 'token', new Date(0)),
    ]),
  storeTokens: () => db.storeTokens([{ key: 'e', token: 'token' }]),
  getToken: () => db.getToken('a'),
  getTokens: () => db.getTokens(['a', 'b']),
  hasToken: () => db.hasToken('a'),
  getTokenExpiry: () => db.getTokenExpiry('b'),
  listTokens: () => db.listTokens(),
  scanTokens: () => db.scanTokens().next(),
  deleteToken: () => db.deleteToken('a'),
  deleteTokens: () => db.deleteTokens(['b', 'e']),
  getClientCredentials: () => db.getClientCredentials(URL_OF_SERVER),
  saveClientCredentials: () => db.saveClientCredentials(URL_OF_SERVER, client),
  forResourceServer: () => db.forResourceServer().getClientCredentials(URL_OF_SERVER),
  deleteClientCredentials: () => db.deleteClientCredentials(URL_OF_SERVER),
  savePKCEValues: () => db.savePKCEValues('user', 'state', pkce),
  getPKCEValues: () => db.getPKCEValues('user', 'state'),
  deletePKCEValues: () => db.deletePKCEValues('user', 'state'),
  saveAccessToken: () => db.saveAccessToken('user', URL, tokens),
  getAccessToken: () => db.getAccessToken('user', URL),
  listAccessTokens: () => db.listAccessTokens('user'),
  coordinatedFetch: refresh,
  singleFlight: waitForAnother,
  reseal: sealWhatIsPlain,
  health: () => db.health(),
  ready: () => db.ready({ write: true }),
  encryptionKeyUsage: storeDurably,
  deleteAccessToken: () => db.deleteAccessToken('user', URL),
  deleteUser: () => db.deleteUser('user'),
}

async function refresh(): Promise<void> {
  const renewed = { access_token: 'next', refresh_token: 'next', token_type: 'Bearer' }
  const fetch = db.coordinatedFetch(async () => Response.json(renewed))
  const body = new URLSearchParams({
    grant_type: 'refresh_token',
    refresh_token: 'refresh',
    client_id: 'id',
  })
  await fetch(`${URL_OF_SERVER}/token`, { method: 'POST', body })
  expect((await db.getAccessToken('user', URL))?.accessToken).toBe('next')
}

/** Two processes' worth: the second subscribes to the release of the first. */
async function waitForAnother(): Promise<void> {
  const other = open()
  let result: string | undefined
  const recheck = async () => result
  const first = db.singleFlight(
    'work',
    () =>
      other.singleFlight('work', failing, { recheck, waitMs: 600 }).catch(() => {
        result = 'done'
        return result
      }),
    { recheck },
  )
  expect(await first).toBe('done')
  await other.close()
}

/** With an option that adds a command: nobody replicates, so what matters is that `WAIT` was let through. */
async function storeDurably(): Promise<void> {
  expect(db.encryptionKeyUsage()).toEqual([])
  const durable = open({ durability: { replicas: 1, timeoutMs: 50 } })
  const error = await durable.storeToken('durable', 'token').then(Object, Object)
  expect(error.message).toContain('0 replica(s) confirmed')
  await durable.close()
}

async function sealWhatIsPlain(): Promise<void> {
  const keys = [{ id: 'a', key: randomBytes(32) }]
  const sealing = open({ encryption: { keys, acceptPlaintext: true } })
  expect((await sealing.reseal()).resealed).toBeGreaterThan(0)
  await sealing.close()
}

async function failing(): Promise<never> {
  throw new Error('two at work')
}

test('every public method was called', () => {
  const methods = methodsOf(RedisOAuthDatabase).filter((name) => name !== 'close')
  expect(Object.keys(calls).sort()).toEqual(methods.sort())
})

test('every method works under the documented ACL rule, and sends only the documented commands', async () => {
  await redis.cli('CONFIG', 'RESETSTAT')
  for (const call of Object.values(calls)) await call()
  const sent = await commandsSent()
  expect(sent.filter((name) => !documented().includes(name))).toEqual([])
  // So that a test which calls nothing cannot pass.
  expect(sent).toEqual(expect.arrayContaining(['SET', 'GET', 'SCAN', 'EVAL', 'SUBSCRIBE']))
})

test('a tenant with such a rule for another prefix sees the names of keys, and reads and writes none', async () => {
  await db.storeToken('named', 'token')
  await db.saveAccessToken('user', URL, tokens)
  const tenant = open({ username: TENANT.name, password: TENANT.password })
  const refused = { code: 'PERMISSION_DENIED' }
  await expect(tenant.getToken('named')).rejects.toMatchObject(refused)
  await expect(tenant.storeToken('named', 'other')).rejects.toMatchObject(refused)
  await expect(tenant.getAccessToken('user', URL)).rejects.toMatchObject(refused)
  await expect(tenant.saveAccessToken('user', URL, tokens)).rejects.toMatchObject(refused)
  await expect(tenant.deleteUser('user')).rejects.toMatchObject(refused)
  expect(await tenant.listTokens()).toContain('named')
  expect(await db.getToken('named')).toBe('token')
  expect(await db.getAccessToken('user', URL)).toEqual(tokens)
  await tenant.close()
})

async function commandsSent(): Promise<string[]> {
  const stats = await redis.cli<string>('INFO', 'commandstats')
  const names = [...stats.matchAll(/^cmdstat_(\w+)[^\n]*rejected_calls=(\d+)/gm)]
  expect(names.filter(([, , rejected]) => rejected !== '0').map(([, name]) => name)).toEqual([])
  const own = ['CONFIG', 'INFO']
  return names.map(([, name = '']) => name.toUpperCase()).filter((name) => !own.includes(name))
}

/** `AUTH` needs no permission, and each connection sends it. */
function documented(): string[] {
  const page = readFileSync(
    new globalThis.URL('../../../docs/operations.md', import.meta.url),
    'utf8',
  )
  const section = page.split(/^## /m).find((one) => one.startsWith('Commands\n')) ?? ''
  const rows = [...section.matchAll(/^\|([^|]*)\|/gm)].map(([, cell = '']) => cell)
  const names = rows.flatMap((cell) =>
    [...cell.matchAll(/`([A-Z]+)`/g)].map(([, name = '']) => name),
  )
  return ['AUTH', ...names]
}
