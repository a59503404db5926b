import type { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { exportRecords, importRecords } from '../../../src/admin.js'
import { RedisOAuthDb, type RedisOAuthDbOptions } from '../../../src/index.js'
import { describeConformance } from '../../support/conformance/describe-conformance.js'
import { encryptionHooks } from '../../support/databases/encryption-hooks.mjs'
import { PublishedOAuthDb } from '../../support/databases/published-oauth-db.mjs'
import { eventually } from '../../support/eventually.js'
import { openDatabase, startServer } from '../../support/scene.js'
import { bareClient } from '../../support/servers/bare-client.js'
import { type RedisServer, startRedis } from '../../support/servers/redis-server.js'

const URL = 'https://server.example/mcp'
const ISSUER = 'https://auth.example'
const USER = 'base:0xabc'
const SECRET = 's3cr3t'
const CLIENT = { clientId: 'id', clientSecret: SECRET, redirectUri: 'https://a.example/callback' }
const VALUES = { codeVerifier: SECRET, codeChallenge: 'c', resourceUrl: URL, url: URL }
const TOKEN = { accessToken: SECRET, refreshToken: 'r', resourceUrl: URL }
const HOOKS = encryptionHooks('secret of the hooks')

let server: RedisServer
let redis: Redis

beforeAll(async () => {
  server = await startRedis()
})

afterAll(() => server?.stop())

beforeEach(async () => {
  redis = bareClient({ path: server.path })
  await redis.flushall()
})

function open(options: Partial<RedisOAuthDbOptions> = {}): RedisOAuthDb {
  const db = new RedisOAuthDb({ redis: server.url, ...options })
  onTestFinished(() => db.close())
  return db
}

function published(options: object = HOOKS): PublishedOAuthDb {
  const old = new PublishedOAuthDb({ redis: server.url, ...options })
  onTestFinished(() => old.close())
  return old
}

describeConformance('the class of before', () => new RedisOAuthDb({ redis: server.url, ...HOOKS }))

it('reads what the published class wrote, and moves each record with its next save', async () => {
  const old = published()
  await old.saveClientCredentials(ISSUER, CLIENT)
  await old.saveAccessToken(USER, URL, TOKEN)
  await old.savePKCEValues(USER, 'state', VALUES)
  const db = open(HOOKS)
  expect(await db.getClientCredentials(ISSUER)).toEqual(CLIENT)
  expect(await db.getAccessToken(USER, URL)).toEqual(TOKEN)
  expect(await db.getPKCEValues(USER, 'state')).toEqual(VALUES)
  expect(await redis.keys('oauth:~access:*')).toEqual([])

  const renewed = { ...TOKEN, accessToken: 'renewed' }
  await db.saveClientCredentials(ISSUER, { ...CLIENT, clientId: 'another' })
  await db.saveAccessToken(USER, URL, renewed)
  await db.savePKCEValues(USER, 'state', { ...VALUES, url: ISSUER })
  expect((await redis.keys('oauth:*')).filter((key) => !key.startsWith('oauth:~'))).toEqual([])
  expect(await db.getAccessToken(USER, URL)).toEqual(renewed)
  expect((await db.getClientCredentials(ISSUER))?.clientId).toBe('another')
  expect((await db.getPKCEValues(USER, 'state'))?.url).toBe(ISSUER)
})

it('finds a record that is moved between its reads', async () => {
  await published().saveAccessToken(USER, URL, TOKEN)
  const mover = open(HOOKS)
  const client = bareClient({ path: server.path })
  const send = client.sendCommand.bind(client)
  let isMoved = false
  client.sendCommand = (...args) => {
    const [command] = args
    if (isMoved || !String(command.args[0]).startsWith('oauth:access_token:')) return send(...args)
    isMoved = true
    return mover.saveAccessToken(USER, URL, TOKEN).then(() => send(...args))
  }
  const reader = open({ ...HOOKS, redis: client })
  expect(await reader.getAccessToken(USER, URL)).toEqual(TOKEN)
  expect(isMoved).toBe(true)
})

it('reads PKCE values of the published class once, too, and leaves those that it cannot open', async () => {
  await published().savePKCEValues(USER, 'state', VALUES)
  const wrong = open({ ...HOOKS, ...encryptionHooks('another secret') })
  await expect(wrong.getPKCEValues(USER, 'state')).rejects.toMatchObject({
    code: 'UNREADABLE_RECORD',
  })
  const readers = [open(HOOKS), open(HOOKS), open(HOOKS)]
  const reads = await Promise.all(readers.map((db) => db.getPKCEValues(USER, 'state')))
  expect(reads.filter((found) => found !== null)).toEqual([VALUES])
})

it('gives nobody an access token of the published class that has expired, unless it can be renewed', async () => {
  const expiresAt = Math.floor(Date.now() / 1_000) - 60
  // Its `ttl` keeps records longer.
  const old = published({ ...HOOKS, ttl: 600 })
  await old.saveAccessToken(USER, URL, { ...TOKEN, expiresAt })
  await old.saveAccessToken(USER, ISSUER, { accessToken: SECRET, resourceUrl: URL, expiresAt })
  const db = open(HOOKS)
  expect(await db.getAccessToken(USER, URL)).toEqual({ ...TOKEN, expiresAt })
  expect(await db.getAccessToken(USER, ISSUER)).toBeNull()
})

it('seals whole records by its hooks, each bound to its place', async () => {
  const db = open(HOOKS)
  await db.saveAccessToken(USER, URL, TOKEN)
  await db.saveAccessToken(USER, ISSUER, { ...TOKEN, accessToken: 'other' })
  const [one = '', other = ''] = (await redis.keys('oauth:~access:*')).sort()
  const bytes = await redis.getBuffer(one)
  expect(bytes?.toString('latin1')).not.toContain(SECRET)
  await redis.set(other, bytes ?? '')
  const reads = await Promise.allSettled([
    db.getAccessToken(USER, URL),
    db.getAccessToken(USER, ISSUER),
  ])
  expect(reads.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
})

it('an error says nothing of what hooks threw or records hold', async () => {
  await published().saveAccessToken(USER, URL, TOKEN)
  const decrypt = (text: string): string => {
    throw new Error(`${SECRET} ${text}`)
  }
  const failed = await open({ encrypt: HOOKS.encrypt, decrypt })
    .getAccessToken(USER, URL)
    .catch((error: unknown) => error)
  expect(failed).toMatchObject({ code: 'UNREADABLE_RECORD', operation: 'getAccessToken' })
  expect(String((failed as Error).stack)).not.toContain(SECRET)
})

it('ttl sets both lifetimes, and defaultTtl that of a token without expiry', async () => {
  const ttlOf = async (options: Partial<RedisOAuthDbOptions>, token: object): Promise<number> => {
    await redis.flushall()
    await open(options).saveAccessToken(USER, URL, { accessToken: 'a', resourceUrl: '', ...token })
    const [key = ''] = await redis.keys('oauth:~access:*')
    return Math.round((await redis.pttl(key)) / 10_000) * 10
  }
  expect(await ttlOf({ ttl: 600 }, { refreshToken: 'r' })).toBe(600)
  expect(await ttlOf({ ttl: 600, defaultTtl: 60 }, {})).toBe(600)
  expect(await ttlOf({ defaultTtl: 60 }, {})).toBe(60)
  expect(await ttlOf({ defaultTtl: 60 }, { refreshToken: 'r' })).toBe(30 * 86_400)
  expect(await ttlOf({}, {})).toBe(86_400)
})

describe('close()', () => {
  it('does not wait for a Redis that hangs, nor reject where the logger throws', async () => {
    const hung = await startServer()
    const client = bareClient({ path: hung.path })
    await client.ping()
    const warnings: string[] = []
    const warn = (message: string): void => {
      warnings.push(message)
      throw new Error('no log')
    }
    hung.pause()
    await new RedisOAuthDb({ redis: client, logger: { warn } }).close()
    hung.resume()
    expect(warnings).toHaveLength(1)
    await eventually(() => client.status === 'end')
  })

  it('quits a client that was handed in, and tells the logger if it cannot', async () => {
    const warnings: string[] = []
    const client = bareClient({ path: server.path })
    const logger = { warn: (message: string) => warnings.push(message) }
    const db = open({ redis: client, logger })
    await db.saveClientCredentials(ISSUER, CLIENT)
    await db.close()
    await eventually(() => client.status === 'end')
    await db.close()
    expect(warnings).toHaveLength(1)
  })
})

it('its records go on as those of RedisOAuthDatabase', async () => {
  const db = open(HOOKS)
  await db.saveAccessToken(USER, URL, TOKEN)
  const next = openDatabase({ url: server.url, keyPrefix: 'next:' })
  const plain = { secrets: 'plain' } as const
  expect(await importRecords(next, exportRecords(db, plain), plain)).toMatchObject({ added: 1 })
  expect(await next.getAccessToken(USER, URL)).toEqual(TOKEN)
})

describe('misuse is a TypeError', () => {
  const nodeRedis = { get() {}, set() {}, setEx() {}, del() {}, quit() {} }

  it.each([
    ['a client of node-redis', { redis: nodeRedis }, /of ioredis 5 or 6: a record and its index/],
    ['nothing', {}, /^options.redis must be/],
    ['a URL of another scheme', { redis: 'http://h' }, /^options.redis/],
    ['a time that is too long', { redis: 'redis://h', ttl: 1e12 }, /^options.ttl /],
    [
      'an option of RedisOAuthDatabase',
      { redis: 'redis://h', cache: true },
      /^options.cache is not/,
    ],
    ['one hook', { redis: 'redis://h', encrypt: HOOKS.encrypt }, /go together/],
    [
      'a hook that is none',
      { redis: 'redis://h', decrypt: 'x' },
      /^options.decrypt must be a func/,
    ],
    ['a fraction of a second', { redis: 'redis://h', ttl: 0.5 }, /^options.ttl must be a whole/],
    ['a logger that is none', { redis: 'redis://h', logger: {} }, /^options.logger must have/],
  ])('%s', (_what, options, message) => {
    expect(() => new RedisOAuthDb(options as never)).toThrow(message)
  })
})
