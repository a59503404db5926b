import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  DeletionError,
  RedisOAuthDatabase,
  RedisOAuthDatabaseError,
  StoreTokensError,
} from '../../../src/index.js'
import { KeySpace } from '../../../src/record/keys.js'
import {
  CALLS,
  type Call,
  fill,
  URL_OF_TOKEN,
  USER,
} from '../../support/operations/every-method.js'
import {
  type Fault,
  KEYS,
  type Run,
  recordsIn,
  runStruck,
  type Setting,
  unindexed,
} from '../../support/operations/struck-call.js'
import { type RedisServer, startRedis } from '../../support/servers/redis-server.js'

// What a call says, against what stands in Redis afterwards, whichever of its commands meets whichever fault.

/** After these a write may have happened; after all other codes nothing has, or the error counts what has. */
const UNSURE: ReadonlySet<string> = new Set(['OUTCOME_UNKNOWN', 'NOT_DURABLE'])

const FAULTS: { readonly [name: string]: Fault } = {
  'runs and is never answered': { strike: (proxy) => proxy.halfOpen() },
  'runs and is answered late': { strike: (proxy) => proxy.stall('replies') },
  'is held back, and runs late': { strike: (proxy) => proxy.stall('requests') },
  'runs, and the connection is cut for good before the answer': {
    lose: 'reply',
    strike: (proxy) => proxy.refuse(),
  },
  'runs, and the connection is cut before the answer': { lose: 'reply', strike: () => {} },
  'is cut off before it runs': { lose: 'request', strike: (proxy) => proxy.refuse() },
}

const TOKEN = { accessToken: 'next', refreshToken: 'refresh', resourceUrl: URL_OF_TOKEN }
const KEY_OF_TOKEN = new KeySpace('atxp:oauth:').of('access', USER, URL_OF_TOKEN).redisKey

const CALLS_HERE: { readonly [method: string]: Call } = {
  ...CALLS,
  'storeToken of what has expired': (db) =>
    db.storeToken('a0', 'next', new Date(Date.now() - 60_000)),
  'storeToken without an end': (db) => db.storeToken('a0', 'next'),
  'saveAccessToken for the first time': (db) =>
    db.saveAccessToken(USER, `${URL_OF_TOKEN}first`, TOKEN),
  'saveAccessToken where a peer has deleted the record': (db) =>
    db.saveAccessToken(USER, URL_OF_TOKEN, TOKEN),
  'saveAccessToken where the record has expired': (db) =>
    db.saveAccessToken(USER, URL_OF_TOKEN, TOKEN),
  'deleteAccessToken of one refresh token': (db) =>
    db.deleteAccessToken(USER, URL_OF_TOKEN, { ifRefreshToken: 'refresh' }),
  reseal: (db) => db.reseal(),
}

const ENCRYPTION = { acceptPlaintext: true, keys: [{ id: 'k1', key: randomBytes(32) }] }

/** How things stand for some calls before they are made. */
const SETTINGS: { readonly [method: string]: Setting } = {
  'saveAccessToken where a peer has deleted the record': {
    before: (_db, server) => withPeer(server, (peer) => peer.deleteAccessToken(USER, URL_OF_TOKEN)),
  },
  'saveAccessToken where the record has expired': {
    before: (_db, server) => server.cli('DEL', KEY_OF_TOKEN),
  },
  reseal: {
    options: { encryption: ENCRYPTION },
    before: (_db, server) => withPeer(server, (peer) => fill(peer, KEYS)),
  },
}

async function withPeer(
  { host, port }: RedisServer,
  act: (peer: RedisOAuthDatabase) => Promise<unknown>,
): Promise<void> {
  const peer = new RedisOAuthDatabase({ host, port })
  await act(peer)
  await peer.close()
}

let server: RedisServer

beforeAll(async () => {
  server = await startRedis()
})

afterAll(() => server.stop())

function check(run: Run, done: Record<string, string>): void {
  const { outcome, before, after } = run
  // An entry may stand without its record, but no record without its entry.
  expect(unindexed(after)).toEqual([])
  if ('value' in outcome) {
    expect(recordsIn(after)).toEqual(recordsIn(done))
    return
  }
  const { error } = outcome
  expect(error).toBeInstanceOf(RedisOAuthDatabaseError)
  const { code } = error as RedisOAuthDatabaseError
  if (error instanceof DeletionError) checkDeletion(run, error)
  else if (error instanceof StoreTokensError) checkImport(run, error)
  else if ((error as RedisOAuthDatabaseError).operation === 'reseal') checkReseal(run, done)
  // It happened or it did not.
  else if (UNSURE.has(code)) expect([before, done].map(recordsIn)).toContainEqual(recordsIn(after))
  else expect(recordsIn(after)).toEqual(recordsIn(before))
}

/** It may have ended between any two records, and goes on when it is called again. */
function checkReseal({ before, after }: Run, done: Record<string, string>): void {
  expect(Object.keys(after)).toEqual(Object.keys(before))
  for (const [key, value] of Object.entries(after))
    expect([before[key], done[key]]).toContain(value)
}

function checkDeletion({ before, after }: Run, { code, removed }: DeletionError): void {
  const gone = Object.keys(recordsIn(before)).filter((key) => !(key in after)).length
  expect(gone).toBeGreaterThanOrEqual(removed)
  if (!UNSURE.has(code)) expect(gone).toBe(removed)
}

function checkImport({ after }: Run, { attempted, failures }: StoreTokensError): void {
  for (const [index, key] of KEYS.entries()) {
    const failure = failures.find((one) => one.index === index)
    if (failure !== undefined && UNSURE.has(failure.code)) continue
    const isStored = index < attempted && failure === undefined
    expect(after[`atxp:oauth:${key}`]).toBe(isStored ? 'next' : 'first')
  }
}

const WRITES = /^(save|store|delete|reseal)/

/** What a script calls, beside the commands that are sent. */
const WITHIN_SCRIPTS = [
  'GET',
  'SET',
  'DEL',
  'TIME',
  'HSET',
  'HGET',
  'HDEL',
  'HLEN',
  'PTTL',
  'PEXPIREAT',
]

describe.each(Object.entries(CALLS_HERE))('what %s says is so, when', (method, call) => {
  const setting = SETTINGS[method]
  let faultless: Run

  beforeAll(async () => {
    faultless = await runStruck(server, call, -1, { strike: () => {} }, setting)
    expect(faultless.outcome).toHaveProperty('value')
    expect(unindexed(faultless.after)).toEqual([])
    if (WRITES.test(method)) expect(faultless.after).not.toEqual(faultless.before)
  })

  it.each(Object.entries(FAULTS))('a command %s', async (_name, fault) => {
    expect(faultless.sent.length).toBeGreaterThan(0)
    for (const at of faultless.sent.keys())
      check(await runStruck(server, call, at, fault, setting), faultless.after)
  })

  it('Redis refuses a command', async () => {
    const scripts = faultless.sent.includes('EVAL') ? WITHIN_SCRIPTS : []
    for (const name of new Set([...faultless.sent, ...scripts])) {
      const [known] = await server.cli<unknown[]>('COMMAND', 'INFO', name)
      // Tried, and not there, before Redis 7.
      if (known === null) continue
      const refuse = (): Promise<unknown> => server.cli('ACL', 'SETUSER', 'default', `-${name}`)
      const refused: Call = (db, keys) => refuse().then(() => call(db, keys))
      try {
        check(await runStruck(server, refused, -1, { strike: () => {} }, setting), faultless.after)
      } finally {
        await server.cli('ACL', 'SETUSER', 'default', '+@all')
      }
    }
  })
})
