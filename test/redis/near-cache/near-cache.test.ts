import { randomBytes } from 'node:crypto'
import { describe, expect, it, onTestFinished } from 'vitest'
import { DEFAULTS } from '../../../src/leaves/defaults.js'
import { Commands } from '../../../src/redis/commands.js'
import { connect } from '../../../src/redis/connect.js'
import { DeletionTally } from '../../../src/redis/deletion-tally.js'
import { eventually } from '../../support/eventually.js'
import {
  comesTo,
  comesToMemory,
  ISSUER,
  isFromMemory,
  readsAt,
  URL,
  USER,
} from '../../support/near-cache/near-cache-facts.js'
import { client, NearCacheScene, token } from '../../support/near-cache/near-cache-scene.js'

const scene = new NearCacheScene()
const { readToken, readAccess, readClient, isKept, isRemembered } = scene

describe('what was read once', () => {
  it.each([
    ['a token', readToken],
    ['an access token', readAccess],
    ['a client registration', readClient],
    ['many tokens', () => scene.db.getTokens(['a', 'b'])],
  ])('is answered without a word to Redis: %s', async (_, read) => {
    await scene.peer.storeToken('a', 'one')
    await scene.peer.storeToken('b', 'two')
    await scene.peer.saveAccessToken(USER, URL, token)
    await scene.peer.saveClientCredentials(ISSUER, client)
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
    const lone = scene.open({ cache: true, registrationLeaseMs: 0 })
    const read = () => lone.getClientCredentials(ISSUER)
    await comesToMemory(() => lone.getToken('a'), scene.server)
    expect(await read()).toBeNull()
    expect(await isKept(read)).toBe(false)
  })

  it('is asked for again without the option', async () => {
    const plain = scene.open()
    await plain.storeToken('a', 'one')
    for (let i = 0; i < 3; i += 1) {
      expect(await isFromMemory(() => plain.getToken('a'), scene.server)).toBe(false)
    }
    expect(await scene.connections()).toEqual({ normal: 1, pubsub: 0 })
  })

  it('comes as an object of its own to each caller, whatever is in it', async () => {
    const record = { ...token, scopes: ['a'], more: { deep: true } }
    await scene.peer.saveAccessToken(USER, URL, record)
    await isRemembered(readAccess)
    for (let i = 0; i < 2; i += 1) {
      const mine = (await readAccess()) as typeof record
      expect(mine).toEqual(record)
      mine.accessToken = 'mine'
      mine.scopes.push('b')
      mine.more.deep = false
    }
    await scene.db.saveClientCredentials(ISSUER, client)
    await isRemembered(readClient)
    const registration = await readClient()
    Object.assign(registration ?? {}, { clientId: 'mine' })
    expect(await readClient()).toEqual(client)
  })

  it('still takes a TypeError for what is no name', async () => {
    await isRemembered(readToken)
    await expect(scene.db.getToken('' as never)).rejects.toThrow(TypeError)
    await expect(scene.db.getToken(7 as never)).rejects.toThrow(TypeError)
    await expect(scene.db.getAccessToken(USER, undefined as never)).rejects.toThrow(TypeError)
  })

  it('is kept for no more than maxEntries, with those of all kinds together', async () => {
    const small = scene.open({ cache: { maxEntries: 2 } })
    const reads = [
      () => small.getToken('a'),
      () => small.getToken('b'),
      () => small.getAccessToken(USER, URL),
    ]
    await comesToMemory(() => small.getToken('a'), scene.server)
    for (const read of reads) await read()
    const kept = []
    for (const read of reads.reverse()) kept.push(await isKept(read))
    expect(kept.filter(Boolean).length).toBeLessThanOrEqual(2)
    expect(kept[0]).toBe(true)
  })

  it('is kept in no more than maxBytes, with those of all kinds together', async () => {
    const small = scene.open({ cache: { maxBytes: 30_000 } })
    const token = 'x'.repeat(10_000)
    await scene.peer.storeToken('a', token)
    await scene.peer.saveAccessToken(USER, URL, { accessToken: token, resourceUrl: URL })
    await scene.peer.saveClientCredentials(URL, {
      clientId: token,
      clientSecret: '',
      redirectUri: '',
    })
    const reads = [
      () => small.getToken('a'),
      () => small.getAccessToken(USER, URL),
      () => small.getClientCredentials(URL),
    ]
    for (const read of reads) await comesToMemory(read, scene.server)
    const kept = []
    for (const read of reads.reverse()) kept.push(await isKept(read))
    expect(kept).toEqual([true, false, false])
  })

  it('is kept for no longer than maxAgeMs, also when Redis tells nobody: SWAPDB', async () => {
    const short = scene.open({ cache: { maxAgeMs: 400 } })
    await scene.peer.storeToken('a', 'one')
    await comesToMemory(() => short.getToken('a'), scene.server)
    await scene.server.cli('SWAPDB', 0, 1)
    await comesTo(() => short.getToken('a'), null, 'one')
  })

  it('is read right with encryption and hashed names', async () => {
    const secret = { keys: [{ id: 'k', key: randomBytes(32) }] }
    const hashKeys = { key: randomBytes(32) }
    const sealing = scene.open({ cache: true, encryption: secret, hashKeys })
    const other = scene.open({ encryption: secret, hashKeys })
    await other.storeToken('a', 'one')
    await other.saveAccessToken(USER, URL, token)
    await comesToMemory(() => sealing.getToken('a'), scene.server)
    await comesToMemory(() => sealing.getAccessToken(USER, URL), scene.server)
    expect(await sealing.getToken('a')).toBe('one')
    expect(await sealing.getAccessToken(USER, URL)).toEqual(token)
    await other.storeToken('a', 'two')
    await comesTo(() => sealing.getToken('a'), 'two', 'one')
  })
})

describe('every write is announced with its key when it is sent and when it has ended:', () => {
  const writes: [name: string, write: (commands: Commands) => Promise<unknown>][] = [
    ['set', (commands) => commands.set('a', 'two')],
    ['set of what has expired', (commands) => commands.set('a', 'two', { expiresAt: 1 })],
    ['delete', (commands) => commands.delete('a')],
    ['deleteAll', (commands) => commands.deleteAll(['a'], new DeletionTally())],
    ['compareAndSet', (commands) => commands.compareAndSet('a', 'one', 'two')],
    ['compareAndDelete', (commands) => commands.compareAndDelete('a', 'one')],
    ['exchange', (commands) => commands.exchange('a', 'one', 'two')],
    ['consume', (commands) => commands.consume('a', 'consumed')],
  ]

  it.each(writes)('%s', async (_, write) => {
    const { commands, announced } = openCommands()
    await scene.server.cli('SET', 'a', 'one')
    const writing = write(commands)
    expect(announced).toEqual(['a'])
    await writing
    expect(announced).toEqual(['a', 'a'])
  })

  it('one that fails', async () => {
    const { commands, announced } = openCommands()
    await scene.server.cli('LPUSH', 'list', 'one')
    await expect(commands.compareAndDelete('list', 'one')).rejects.toMatchObject({
      code: 'WRONG_TYPE',
    })
    expect(announced).toEqual(['list', 'list'])
  })

  function openCommands(): { commands: Commands; announced: string[] } {
    const topology = {
      kind: 'server',
      host: scene.server.host,
      port: scene.server.port,
      db: 0,
    } as const
    const { connection } = connect(topology, { ...DEFAULTS.database })
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
  await scene.db.savePKCEValues(USER, 'state', values)
  expect(await scene.db.getPKCEValues(USER, 'state')).toEqual(values)
  expect(await scene.db.getPKCEValues(USER, 'state')).toBeNull()
})

describe('Redis is asked for word', () => {
  const prefixes = async () => {
    const stats = await scene.server.cli<string>('INFO', 'stats')
    return Number(/tracking_total_prefixes:(\d+)/.exec(stats)?.[1])
  }

  it('of access tokens and registrations only, until the first token is read', async () => {
    await isRemembered(readAccess)
    expect(await prefixes()).toBe(3)
    await isRemembered(readToken)
    expect(await prefixes()).toBe(1)
    await isRemembered(readAccess)
    await scene.peer.saveAccessToken(USER, URL, token)
    await comesTo(readAccess, token, null)
  })

  it('of everything at once by who reads a token first', async () => {
    await isRemembered(readToken)
    await isRemembered(readAccess)
    expect(await prefixes()).toBe(1)
  })

  it('over one connection beside that for commands, and over none after close', async () => {
    await isRemembered(readToken)
    expect(await scene.connections()).toEqual({ normal: 1, pubsub: 1 })
    await scene.db.close()
    await eventually(async () =>
      expect(await scene.connections()).toEqual({ normal: 0, pubsub: 0 }),
    )
  })
})

it('a thousand callers of one record that is not in memory ask for it once', async () => {
  await scene.peer.storeToken('a', 'one')
  await isRemembered(() => scene.db.getToken('b'))
  const before = await readsAt(scene.server)
  const found: (string | null)[] = []
  for (let i = 0; i < 1_000; i += 1) {
    void readToken().then((one) => found.push(one))
    // Some of them in later turns, while the first read is on its way.
    if (i % 500 === 0) await new Promise(setImmediate)
  }
  await eventually(() => found.length === 1_000)
  expect(new Set(found)).toEqual(new Set(['one']))
  expect((await readsAt(scene.server)) - before).toBeLessThanOrEqual(2)
})
