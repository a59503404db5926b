import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { RedisOAuthDatabase, type RedisOAuthDatabaseOptions } from '../../../src/index.js'
import { DEFAULTS } from '../../../src/options/options.js'
import { Commands } from '../../../src/redis/commands.js'
import { connect } from '../../../src/redis/connect.js'
import { eventually } from '../../support/eventually.js'
import {
  comesTo,
  comesToMemory,
  ISSUER,
  isFromMemory,
  readsAt,
  URL,
  USER,
  writesAt,
} from '../../support/near-cache/near-cache-facts.js'
import { expectExpireTime } from '../../support/servers/expire-time.js'
import { type RedisServer, redisMajor, startRedis } from '../../support/servers/redis-server.js'

const token = {
  accessToken: 'access one',
  refreshToken: 'refresh one',
  resourceUrl: URL,
  expiresAt: Date.now() + 3_600_000,
}
const client = { clientId: 'id', clientSecret: 'secret', redirectUri: URL }

let server: RedisServer
/** With a cache. */
let db: RedisOAuthDatabase
/** Another process, as far as the first can tell. */
let peer: RedisOAuthDatabase

beforeEach(async () => {
  server = await startRedis({
    config: redisMajor() >= 7 ? { 'enable-debug-command': 'yes' } : {},
  })
  db = open({ cache: true })
  peer = open()
})

afterEach(async () => {
  await server.stop()
})

function open(options: RedisOAuthDatabaseOptions = {}): RedisOAuthDatabase {
  const { host, port } = server
  const opened = new RedisOAuthDatabase({ host, port, ...options })
  onTestFinished(() => opened.close())
  return opened
}

const readToken = () => db.getToken('a')
const readAccess = () => db.getAccessToken(USER, URL)
const readClient = () => db.getClientCredentials(ISSUER)

const isKept = (read: () => Promise<unknown>) => isFromMemory(read, server)
const isRemembered = (read: () => Promise<unknown>) => comesToMemory(read, server)

describe('what was read once', () => {
  it.each([
    ['a token', readToken],
    ['an access token', readAccess],
    ['a client registration', readClient],
    ['many tokens', () => db.getTokens(['a', 'b'])],
  ])('is answered without a word to Redis: %s', async (_, read) => {
    await peer.storeToken('a', 'one')
    await peer.storeToken('b', 'two')
    await peer.saveAccessToken(USER, URL, token)
    await peer.saveClientCredentials(ISSUER, client)
    const found = await read()
    expect(found).toBeTruthy()
    await isRemembered(read)
    expect(await read()).toEqual(found)
  })

  it.each([
    ['a token', readToken],
    ['an access token', readAccess],
  ])('is answered so as well where there is nothing: %s', async (_, read) => {
    await isRemembered(read)
    expect(await read()).toBeNull()
  })

  it('is asked for again where there is no registration: those who find none take turns', async () => {
    const lone = open({ cache: true, registrationLeaseMs: 0 })
    const read = () => lone.getClientCredentials(ISSUER)
    await comesToMemory(() => lone.getToken('a'), server)
    expect(await read()).toBeNull()
    expect(await isKept(read)).toBe(false)
  })

  it('is asked for again without the option', async () => {
    const plain = open()
    await plain.storeToken('a', 'one')
    for (let i = 0; i < 3; i += 1) {
      expect(await isFromMemory(() => plain.getToken('a'), server)).toBe(false)
    }
    expect(await connections()).toEqual({ normal: 1, pubsub: 0 })
  })

  it('comes as an object of its own to each caller, whatever is in it', async () => {
    const record = { ...token, scopes: ['a'], more: { deep: true } }
    await peer.saveAccessToken(USER, URL, record)
    await isRemembered(readAccess)
    for (let i = 0; i < 2; i += 1) {
      const mine = (await readAccess()) as typeof record
      expect(mine).toEqual(record)
      mine.accessToken = 'mine'
      mine.scopes.push('b')
      mine.more.deep = false
    }
    await db.saveClientCredentials(ISSUER, client)
    await isRemembered(readClient)
    const registration = await readClient()
    Object.assign(registration ?? {}, { clientId: 'mine' })
    expect(await readClient()).toEqual(client)
  })

  it('still takes a TypeError for what is no name', async () => {
    await isRemembered(readToken)
    await expect(db.getToken('' as never)).rejects.toThrow(TypeError)
    await expect(db.getToken(7 as never)).rejects.toThrow(TypeError)
    await expect(db.getAccessToken(USER, undefined as never)).rejects.toThrow(TypeError)
  })

  it('is kept for no more than maxEntries, with those of all kinds together', async () => {
    const small = open({ cache: { maxEntries: 2 } })
    const reads = [
      () => small.getToken('a'),
      () => small.getToken('b'),
      () => small.getAccessToken(USER, URL),
    ]
    await comesToMemory(() => small.getToken('a'), server)
    for (const read of reads) await read()
    const kept = []
    for (const read of reads.reverse()) kept.push(await isKept(read))
    expect(kept.filter(Boolean).length).toBeLessThanOrEqual(2)
    expect(kept[0]).toBe(true)
  })

  it('is kept for no longer than maxAgeMs, also when Redis tells nobody: SWAPDB', async () => {
    const short = open({ cache: { maxAgeMs: 400 } })
    await peer.storeToken('a', 'one')
    await comesToMemory(() => short.getToken('a'), server)
    await server.cli('SWAPDB', 0, 1)
    await comesTo(() => short.getToken('a'), null, 'one')
  })

  it('is read right with encryption and hashed names', async () => {
    const secret = { keys: [{ id: 'k', key: randomBytes(32) }] }
    const hashKeys = { key: randomBytes(32) }
    const sealing = open({ cache: true, encryption: secret, hashKeys })
    const other = open({ encryption: secret, hashKeys })
    await other.storeToken('a', 'one')
    await other.saveAccessToken(USER, URL, token)
    await comesToMemory(() => sealing.getToken('a'), server)
    await comesToMemory(() => sealing.getAccessToken(USER, URL), server)
    expect(await sealing.getToken('a')).toBe('one')
    expect(await sealing.getAccessToken(USER, URL)).toEqual(token)
    await other.storeToken('a', 'two')
    await comesTo(() => sealing.getToken('a'), 'two', 'one')
  })
})

describe('a change by others is read soon:', () => {
  const key = 'atxp:oauth:a'
  const changes: [name: string, commands: [string, ...(string | number)[]][]][] = [
    ['SET', [['SET', key, 'two']]],
    ['SET of what was there', [['SET', key, 'one']]],
    ['DEL', [['DEL', key]]],
    ['UNLINK', [['UNLINK', key]]],
    ['GETDEL', [['GETDEL', key]]],
    ['APPEND', [['APPEND', key, ' more']]],
    [
      'RENAME to it',
      [
        ['SET', 'other', 'two'],
        ['RENAME', 'other', key],
      ],
    ],
    ['RENAME from it', [['RENAME', key, 'other']]],
    [
      'COPY to it',
      [
        ['SET', 'other', 'two'],
        ['COPY', 'other', key, 'REPLACE'],
      ],
    ],
    ['PEXPIRE', [['PEXPIRE', key, 20]]],
    ['PEXPIREAT in the past', [['PEXPIREAT', key, 1]]],
    ['MULTI', [['MULTI'], ['SET', key, 'two'], ['EXEC']]],
    ['a script', [['EVAL', "return redis.call('SET', KEYS[1], 'two')", 1, key]]],
    ['FLUSHDB', [['FLUSHDB']]],
    ['FLUSHALL', [['FLUSHALL']]],
  ]
  it.each(changes)('%s', async (name, commands) => {
    await peer.storeToken('a', 'one')
    await isRemembered(readToken)
    for (const [command, ...args] of commands) await server.cli(command, ...args)
    if (name === 'SET of what was there') return
    await eventually(async () => {
      const [found, standing] = [await readToken(), await server.cli('GET', key)]
      expect(found).toBe(standing)
      expect(found).not.toBe('one')
    })
  })

  it('the expiry that it had', async () => {
    await peer.storeToken('a', 'one', new Date(Date.now() + 500))
    await isRemembered(readToken)
    await comesTo(readToken, null, 'one')
  })

  it('of a registration and of an access token', async () => {
    await peer.saveAccessToken(USER, URL, token)
    await peer.saveClientCredentials(ISSUER, client)
    await isRemembered(readAccess)
    await isRemembered(readClient)
    const renewed = { ...token, accessToken: 'access two' }
    await peer.saveAccessToken(USER, URL, renewed)
    await comesTo(readAccess, renewed, token)
    await peer.saveClientCredentials(ISSUER, { ...client, clientId: 'two' })
    await comesTo(readClient, { ...client, clientId: 'two' }, client)
    await peer.deleteUser(USER)
    await comesTo(readAccess, null, renewed)
  })
})

describe('an expiry is kept to the millisecond, though Redis says nothing of it until it comes by:', () => {
  beforeEach(async () => {
    await server.cli('DEBUG', 'SET-ACTIVE-EXPIRE', 0)
  })

  it('of a token', async () => {
    const expiresAt = new Date(Date.now() + 700)
    await peer.storeToken('a', 'one', expiresAt)
    await isRemembered(readToken)
    await endsAt(expiresAt, readToken)
  })

  it('of an access token', async () => {
    const expiresAt = Date.now() + 700
    await peer.saveAccessToken(USER, URL, { accessToken: 'one', resourceUrl: URL, expiresAt })
    await isRemembered(readAccess)
    await endsAt(new Date(expiresAt), readAccess)
  })

  it("of an access token with a refresh token, where expiredAccessTokens is 'drop'", async () => {
    const dropping = open({ cache: true, expiredAccessTokens: 'drop' })
    const read = () => dropping.getAccessToken(USER, URL)
    const expiresAt = Date.now() + 700
    await peer.saveAccessToken(USER, URL, { ...token, expiresAt })
    await comesToMemory(read, server)
    await endsAt(new Date(expiresAt), read)
  })

  /** Reads all the time, so that the last answer from memory comes as late as it can. */
  async function endsAt(end: Date, read: () => Promise<unknown>): Promise<void> {
    let isFound = true
    let reads = 0
    while (isFound) {
      const calledAt = Date.now()
      isFound = (await read()) !== null
      reads += 1
      // At that very millisecond Redis has it still.
      if (isFound) expect(calledAt).toBeLessThanOrEqual(end.getTime())
      else expect(Date.now()).toBeGreaterThanOrEqual(end.getTime())
      if (reads % 100 === 0) await new Promise(setImmediate)
    }
    expect(reads).toBeGreaterThan(100)
  }
})

describe('what this process writes is read at once, though nobody waits for the write:', () => {
  it('a token', async () => {
    await peer.storeToken('a', 'one')
    await isRemembered(readToken)
    void db.storeToken('a', 'two')
    expect(await readToken()).toBe('two')
    await isRemembered(readToken)
    void db.deleteToken('a')
    expect(await readToken()).toBeNull()
    await isRemembered(readToken)
    void db.storeTokens([{ key: 'a', token: 'three' }])
    await eventually(async () => expect(await readToken()).toBe('three'))
    await isRemembered(readToken)
    void db.deleteTokens(['a'])
    expect(await readToken()).toBeNull()
  })

  it('an access token and a registration', async () => {
    await peer.saveAccessToken(USER, URL, token)
    await isRemembered(readAccess)
    const renewed = { ...token, accessToken: 'access two' }
    void db.saveAccessToken(USER, URL, renewed)
    expect(await readAccess()).toEqual(renewed)
    await isRemembered(readAccess)
    void db.deleteAccessToken(USER, URL)
    expect(await readAccess()).toBeNull()
    void db.saveClientCredentials(ISSUER, client)
    expect(await readClient()).toEqual(client)
    await isRemembered(readClient)
    await db.deleteClientCredentials(ISSUER)
    await expect(open().getClientCredentials(ISSUER)).resolves.toBeNull()
  })

  it('what a coordinated refresh has renewed, and what it removed when it was refused', async () => {
    await peer.saveAccessToken(USER, URL, token)
    await isRemembered(readAccess)
    const answers = [
      Response.json({ access_token: 'two', refresh_token: 'refresh two', token_type: 'Bearer' }),
      Response.json({ error: 'invalid_grant' }, { status: 400 }),
    ]
    const fetch = db.coordinatedFetch(async () => answers.shift() as Response)
    const refresh = (refreshToken: string) =>
      fetch(`${ISSUER}/token`, {
        method: 'POST',
        body: new URLSearchParams({
          grant_type: 'refresh_token',
          refresh_token: refreshToken,
          client_id: 'id',
        }),
      })
    await refresh('refresh one')
    expect((await readAccess())?.accessToken).toBe('two')
    await isRemembered(readAccess)
    await refresh('refresh two')
    expect(await readAccess()).toBeNull()
  })

  it('a write whose answer was an error: the memory forgets what it knew', async () => {
    await peer.storeToken('a', 'one')
    await isRemembered(readToken)
    await server.cli('CONFIG', 'SET', 'maxmemory', 1)
    await expect(db.storeToken('a', 'two')).rejects.toMatchObject({ code: 'OUT_OF_MEMORY' })
    expect(await isKept(readToken)).toBe(false)
    expect(await readToken()).toBe('one')
  })
})

describe('every write is announced with its key when it is sent and when it has ended:', () => {
  const writes: [name: string, write: (commands: Commands) => Promise<unknown>][] = [
    ['set', (commands) => commands.set('a', 'two')],
    ['set of what has expired', (commands) => commands.set('a', 'two', { expiresAt: 1 })],
    ['delete', (commands) => commands.delete('a')],
    ['deleteAll', (commands) => commands.deleteAll(['a'])],
    ['compareAndSet', (commands) => commands.compareAndSet('a', 'one', 'two', 1_000)],
    ['compareAndDelete', (commands) => commands.compareAndDelete('a', 'one')],
    ['exchange', (commands) => commands.exchange('a', 'one', 'two')],
    ['consume', (commands) => commands.consume('a', 'consumed')],
    ['consumeBuffer', (commands) => commands.consumeBuffer('a', 'consumed')],
  ]

  it.each(writes)('%s', async (_, write) => {
    const { commands, announced } = openCommands()
    await server.cli('SET', 'a', 'one')
    const writing = write(commands)
    expect(announced).toEqual(['a'])
    await writing
    expect(announced).toEqual(['a', 'a'])
  })

  it('one that fails', async () => {
    const { commands, announced } = openCommands()
    await server.cli('LPUSH', 'list', 'one')
    await expect(commands.compareAndDelete('list', 'one')).rejects.toMatchObject({
      code: 'WRONG_TYPE',
    })
    expect(announced).toEqual(['list', 'list'])
  })

  function openCommands(): { commands: Commands; announced: string[] } {
    const topology = { kind: 'server', host: server.host, port: server.port, db: 0 } as const
    const { connection } = connect(topology, { ...DEFAULTS })
    onTestFinished(() => connection.close())
    const announced: string[] = []
    return {
      commands: new Commands(connection, undefined, (key) => announced.push(key)),
      announced,
    }
  }
})

it('PKCE values are read once, whatever is in memory', async () => {
  const values = { codeVerifier: 'v', codeChallenge: 'c', url: URL, resourceUrl: URL }
  await isRemembered(readToken)
  await db.savePKCEValues(USER, 'state', values)
  expect(await db.getPKCEValues(USER, 'state')).toEqual(values)
  expect(await db.getPKCEValues(USER, 'state')).toBeNull()
})

describe('Redis is asked for word', () => {
  const prefixes = async () => {
    const stats = await server.cli<string>('INFO', 'stats')
    return Number(/tracking_total_prefixes:(\d+)/.exec(stats)?.[1])
  }

  it('of access tokens and registrations only, until the first token is read', async () => {
    await isRemembered(readAccess)
    expect(await prefixes()).toBe(3)
    await isRemembered(readToken)
    expect(await prefixes()).toBe(1)
    await isRemembered(readAccess)
    await peer.saveAccessToken(USER, URL, token)
    await comesTo(readAccess, token, null)
  })

  it('of everything at once by who reads a token first', async () => {
    await isRemembered(readToken)
    await isRemembered(readAccess)
    expect(await prefixes()).toBe(1)
  })

  it('over one connection beside that for commands, and over none after close', async () => {
    await isRemembered(readToken)
    expect(await connections()).toEqual({ normal: 1, pubsub: 1 })
    await db.close()
    await eventually(async () => expect(await connections()).toEqual({ normal: 0, pubsub: 0 }))
  })
})

/** Those of the test itself aside. */
async function connections(): Promise<{ normal: number; pubsub: number }> {
  const count = async (type: string) => {
    const list = await server.cli<string>('CLIENT', 'LIST', 'TYPE', type)
    return list.split('\n').filter((line) => line !== '' && !line.includes('name=test-admin'))
      .length
  }
  return { normal: await count('normal'), pubsub: await count('pubsub') }
}

describe('a save of what stands there already', () => {
  const fixed = { accessToken: 'one', resourceUrl: '', expiresAt: Date.now() + 3_600_000 }
  const save = () => db.saveAccessToken(USER, '', fixed)
  const key = `atxp:oauth:~access:{${USER}}:`

  const writesNothing = async (saving: () => Promise<void>) => {
    const before = await writesAt(server)
    await saving()
    return (await writesAt(server)) === before
  }
  /** Saves until a save writes nothing. */
  const comesToRest = (saving: () => Promise<void>) => eventually(() => writesNothing(saving))

  beforeEach(() => isRemembered(() => db.getAccessToken(USER, 'unrelated')))

  it('writes nothing, and what is there is right', async () => {
    await comesToRest(save)
    for (let i = 0; i < 20; i += 1) expect(await writesNothing(save)).toBe(true)
    expect(await peer.getAccessToken(USER, '')).toEqual(fixed)
    await expectExpireTime(server, key, fixed.expiresAt)
  })

  it('writes nothing where a peer has saved it, in seconds as well', async () => {
    const seconds = { ...fixed, expiresAt: Math.floor(fixed.expiresAt / 1000) }
    await peer.saveAccessToken(USER, '', seconds)
    await isRemembered(() => db.getAccessToken(USER, ''))
    expect(await writesNothing(() => db.saveAccessToken(USER, '', seconds))).toBe(true)
  })

  it('writes nothing with sealed records', async () => {
    const encryption = { keys: [{ id: 'k', key: randomBytes(32) }] }
    const sealing = open({ cache: true, encryption })
    await comesToMemory(() => sealing.getAccessToken(USER, 'unrelated'), server)
    await comesToRest(() => sealing.saveAccessToken(USER, '', fixed))
    expect(await writesNothing(() => sealing.saveAccessToken(USER, '', fixed))).toBe(true)
  })

  it('comes to rest in a fleet whose processes save it in turns', async () => {
    const fleet = [db, open({ cache: true }), open({ cache: true })]
    for (const one of fleet) {
      await comesToMemory(() => one.getAccessToken(USER, 'unrelated'), server)
    }
    const round = async () => {
      for (const one of fleet) await one.saveAccessToken(USER, '', fixed)
    }
    await comesToRest(round)
    for (let i = 0; i < 10; i += 1) expect(await writesNothing(round)).toBe(true)
  })

  it.each([
    ['another value', { ...fixed, accessToken: 'two' }],
    ['another expiry', { ...fixed, expiresAt: fixed.expiresAt + 1 }],
    ['one more member', { ...fixed, scope: 'a' }],
  ])('writes when it has %s, and when it is the first again', async (_, other) => {
    await comesToRest(save)
    expect(await writesNothing(() => db.saveAccessToken(USER, '', other))).toBe(false)
    expect(await peer.getAccessToken(USER, '')).toEqual(other)
    expect(await writesNothing(save)).toBe(false)
    expect(await peer.getAccessToken(USER, '')).toEqual(fixed)
  })

  it.each([
    ['a refresh token', { ...fixed, refreshToken: 'refresh' }],
    ['no expiry', { accessToken: 'one', resourceUrl: '' }],
  ])(
    'writes each time when it has %s, since each save begins its life anew',
    async (_, sliding) => {
      for (let i = 0; i < 3; i += 1) {
        await isRemembered(() => db.getAccessToken(USER, ''))
        expect(await writesNothing(() => db.saveAccessToken(USER, '', sliding))).toBe(false)
      }
    },
  )

  it.each<[string, [string, ...(string | number)[]]]>([
    ['another expiry', ['PEXPIRE', key, 60_000]],
    ['no expiry', ['PERSIST', key]],
    ['no record', ['DEL', key]],
    ['another record', ['SET', key, JSON.stringify({ ...fixed, accessToken: 'two' }), 'KEEPTTL']],
  ])('writes when somebody has left %s behind', async (_, [command, ...args]) => {
    await comesToRest(save)
    await server.cli(command, ...args)
    await eventually(async () => {
      await save()
      await expectExpireTime(server, key, fixed.expiresAt)
      expect(JSON.parse(await server.cli<string>('GET', key))).toEqual(fixed)
    })
  })

  it('writes each time with durability, and says what replicas said', async () => {
    const durable = open({ cache: true, durability: { replicas: 1, timeoutMs: 50 } })
    const read = () => durable.getAccessToken(USER, '')
    const saving = () => durable.saveAccessToken(USER, '', fixed)
    await expect(saving()).rejects.toMatchObject({ code: 'NOT_DURABLE' })
    await comesToMemory(read, server)
    await expect(saving()).rejects.toMatchObject({ code: 'NOT_DURABLE' })
  })

  it('writes each time for storeToken', async () => {
    await isRemembered(readToken)
    const expiresAt = new Date(fixed.expiresAt)
    for (let i = 0; i < 3; i += 1) {
      await isRemembered(readToken)
      expect(await writesNothing(() => db.storeToken('a', 'one', expiresAt))).toBe(false)
    }
  })
})

it('a thousand callers of one record that is not in memory ask for it once', async () => {
  await peer.storeToken('a', 'one')
  await isRemembered(() => db.getToken('b'))
  const before = await readsAt(server)
  const found: (string | null)[] = []
  for (let i = 0; i < 1_000; i += 1) {
    void readToken().then((one) => found.push(one))
    // Some of them in later turns, while the first read is on its way.
    if (i % 500 === 0) await new Promise(setImmediate)
  }
  await eventually(() => found.length === 1_000)
  expect(new Set(found)).toEqual(new Set(['one']))
  expect((await readsAt(server)) - before).toBeLessThanOrEqual(2)
})
