import { Redis } from 'ioredis'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import type {
  HealthWarning,
  RedisOAuthDatabase,
  RedisOAuthDatabaseOptions,
} from '../../../src/index.js'
import { eventually } from '../../support/eventually.js'
import { comesTo, comesToMemory, isFromMemory } from '../../support/near-cache/near-cache-facts.js'
import type { FaultProxy } from '../../support/network/fault-proxy.js'
import { openDatabase, startProxy, startServer } from '../../support/scene.js'
import { type RedisServer, redisMajor } from '../../support/servers/redis-server.js'

/** Heartbeat and its time-out are a second together; the rest is what a busy machine may add. */
const SILENT_AT_MOST_MS = 2_500

let server: RedisServer
let db: RedisOAuthDatabase
let peer: RedisOAuthDatabase

beforeEach(async () => {
  server = await startServer()
  peer = open({ cache: false })
  await peer.storeToken('a', 'one')
})

function open(options: RedisOAuthDatabaseOptions = {}): RedisOAuthDatabase {
  const { host, port } = server
  return openDatabase({ host, port, cache: true, ...options })
}

const read = () => db.getToken('a')
const isKept = () => isFromMemory(read, server)
const isRemembered = () => comesToMemory(read, server)

/**
 * A database whose commands go straight to the server, and whose word of changes comes through a proxy, or from a server
 * of its own.
 */
async function openApart(feed: { host: string; port: number }): Promise<void> {
  const client = new Redis({ host: server.host, port: server.port, lazyConnect: true })
  onTestFinished(() => client.disconnect())
  await client.connect()
  // Whoever duplicates it now gets there.
  Object.assign(client.options, { host: feed.host, port: feed.port })
  db = openDatabase({ client, cache: true })
}

describe('when the connection that hears of changes is lost', () => {
  let proxy: FaultProxy

  beforeEach(async () => {
    proxy = await startProxy(server)
    await openApart(proxy)
    await isRemembered()
  })

  it('nothing is served from memory until there is another', async () => {
    proxy.refuse()
    proxy.cut()
    await eventually(async () => expect(await isKept()).toBe(false))
    for (let i = 0; i < 20; i += 1) {
      await peer.storeToken('a', `value ${i}`)
      expect(await read()).toBe(`value ${i}`)
    }
    await proxy.accept()
    await isRemembered()
    await peer.storeToken('a', 'two')
    await comesTo(read, 'two', 'value 19')
  })

  it('and had again, what was kept before is read anew', async () => {
    await server.cli('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await peer.storeToken('a', 'two')
    await comesTo(read, 'two', 'one')
    await isRemembered()
    expect(await read()).toBe('two')
  })

  it('again and again, reads stay right, and it is seen at its end, not at the next heartbeat', async () => {
    let spentMs = 0
    for (let i = 0; i < 10; i += 1) {
      await server.cli('CLIENT', 'KILL', 'TYPE', 'pubsub')
      await peer.storeToken('a', `value ${i}`)
      const writtenAt = performance.now()
      await comesTo(read, `value ${i}`, i === 0 ? 'one' : `value ${i - 1}`)
      spentMs += performance.now() - writtenAt
      await isRemembered()
    }
    expect(spentMs).toBeLessThan(2_000)
  })

  it('without a word, that is found out by the heartbeat', async () => {
    proxy.halfOpen()
    await expectNewsWithin(SILENT_AT_MOST_MS)
    proxy.resume()
    await isRemembered()
  })

  it('for a while, and what was held back arrives: nothing old comes back', async () => {
    proxy.stall('replies')
    await expectNewsWithin(SILENT_AT_MOST_MS)
    proxy.resume()
    await isRemembered()
    expect(await read()).toBe('two')
    await peer.storeToken('a', 'three')
    await comesTo(read, 'three', 'two')
  })

  it('while it is made, that changes nothing for reads', async () => {
    proxy.stall()
    proxy.cut()
    await eventually(async () => expect(await isKept()).toBe(false))
    await peer.storeToken('a', 'two')
    expect(await read()).toBe('two')
    proxy.resume()
    await isRemembered()
  })

  /** A peer's write is read in time, though nothing tells of it; from then on Redis is asked. */
  async function expectNewsWithin(ms: number): Promise<void> {
    await peer.storeToken('a', 'two')
    const writtenAt = performance.now()
    let found = await read()
    while (found !== 'two') {
      expect(found).toBe('one')
      expect(performance.now() - writtenAt).toBeLessThan(ms)
      await new Promise(setImmediate)
      found = await read()
    }
    expect(await isKept()).toBe(false)
  }
})

describe('when the connection for commands is lost', () => {
  it('what was kept is read anew over the next', async () => {
    db = open()
    await isRemembered()
    for (let i = 0; i < 10; i += 1) {
      await server.cli('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
      await server.cli('SET', 'atxp:oauth:a', `value ${i}`)
      await comesTo(read, `value ${i}`, i === 0 ? 'one' : `value ${i - 1}`)
      await isRemembered()
    }
  })

  it('with the server, nothing is kept of what it held', async () => {
    db = open({ commandTimeout: 5_000, maxRetriesPerRequest: 100 })
    await isRemembered()
    await server.restart({ keepData: false })
    expect(await comesToNothing()).toBeNull()
    await isRemembered()
    expect(await read()).toBeNull()
  })

  async function comesToNothing(): Promise<string | null> {
    return eventually(async () => {
      const found = await read()
      if (found !== null) throw new Error('still there')
      return found
    })
  }

  it('reads of what was kept fail as they do without a cache', async () => {
    db = open({ commandTimeout: 300 })
    await isRemembered()
    await server.kill()
    await eventually(() => expect(read()).rejects.toMatchObject({ code: 'CONNECTION_REFUSED' }))
  })
})

describe('when the server hangs', () => {
  it('what was kept is served for a second at most, and what changed afterwards is read', async () => {
    db = open({ commandTimeout: 300 })
    await isRemembered()
    server.pause()
    onTestFinished(() => server.resume())
    const pausedAt = performance.now()
    await eventually(() => expect(read()).rejects.toMatchObject({ code: 'TIMEOUT' }))
    expect(performance.now() - pausedAt).toBeLessThan(SILENT_AT_MOST_MS)
    server.resume()
    await eventually(() => peer.storeToken('a', 'two'))
    await comesTo(read, 'two', 'one')
    await isRemembered()
  })
})

describe('when the process itself is busy', () => {
  it('for longer than a heartbeat, the connection is not taken for dead', async () => {
    const proxy = await startProxy(server)
    await openApart(proxy)
    await isRemembered()
    const feed = await pubsubIds()
    block(1_600)
    proxy.stall('replies')
    const sent = await heartbeats()
    await eventually(async () => (await heartbeats()) > sent)
    // The answer then waits in the socket for longer than it may take.
    proxy.resume()
    block(1_600)
    expect(await isKept()).toBe(true)
    await isRemembered()
    expect(await pubsubIds()).toEqual(feed)
  })

  it('what changed meanwhile is read once it has heard of it', async () => {
    db = open()
    await isRemembered()
    const written = peer.storeToken('a', 'two')
    block(200)
    await written
    await comesTo(read, 'two', 'one')
  })

  function block(ms: number): void {
    const until = performance.now() + ms
    while (performance.now() < until);
  }

  async function heartbeats(): Promise<number> {
    const stats = await server.cli<string>('INFO', 'commandstats')
    return Number(/^cmdstat_ping:calls=(\d+)/m.exec(stats)?.[1] ?? 0)
  }

  async function pubsubIds(): Promise<string[]> {
    const list = await server.cli<string>('CLIENT', 'LIST', 'TYPE', 'pubsub')
    return [...list.matchAll(/^id=(\d+)/gm)].map(([, id = '']) => id)
  }
})

describe('nothing is kept, and reads are right,', () => {
  it('when the two connections lead to different servers', async () => {
    const other = await startServer()
    await openApart(other)
    await expectUncached(other)
    await expectWarning('ANOTHER_SERVER')
  })

  it.each([
    ['CLIENT TRACKING', '+client|id +info +subscribe &__redis__:invalidate'],
    ['the channel', '+client|id +client|tracking +info +subscribe resetchannels'],
    ['CLIENT ID', '+client|tracking +info +subscribe &__redis__:invalidate'],
    ['INFO', '+client|id +client|tracking +subscribe &__redis__:invalidate'],
  ])('when the user may not have %s', async (denied, rule) => {
    await allow(rule)
    db = open({ username: 'reader', password: 'secret' })
    await expectUncached()
    // health() itself needs INFO.
    if (!denied.includes('INFO')) await expectWarning('PERMISSION_DENIED')
    await allow('+client|id +client|tracking +info +subscribe &__redis__:invalidate')
    await isRemembered()
    expect(await cacheWarnings()).toEqual([])
  })

  async function allow(rule: string): Promise<void> {
    const expiry = redisMajor() >= 7 ? '+pexpiretime' : '+eval +pttl'
    const words = `reset resetchannels on >secret ~atxp:oauth:* -@all +get +mget +exists ${expiry} +ping +time ${rule}`
    await server.cli('ACL', 'SETUSER', 'reader', ...words.split(' '))
  }

  async function expectWarning(reason: string): Promise<void> {
    const message = expect.stringMatching(`^The cache keeps nothing.*${reason}`)
    expect(await cacheWarnings()).toMatchObject([{ message }])
  }

  async function cacheWarnings(): Promise<HealthWarning[]> {
    return (await db.health()).warnings.filter(({ code }) => code === 'CACHE_OFF')
  }

  /** While the connection for changes is tried again and again. */
  async function expectUncached(listensTo: RedisServer = server): Promise<void> {
    const attempts = async () => {
      const stats = await listensTo.cli<string>('INFO', 'stats')
      return Number(/total_connections_received:(\d+)/.exec(stats)?.[1])
    }
    const first = await attempts()
    for (let i = 0; (await attempts()) < first + 4; i += 1) {
      await peer.storeToken('a', `value ${i}`)
      expect(await read()).toBe(`value ${i}`)
      expect(await isKept()).toBe(false)
    }
  }
})

it('a coordinated refresh reads the record in Redis, whatever is in memory', async () => {
  const proxy = await startProxy(server)
  await openApart(proxy)
  const URL = 'https://mcp.example/one'
  const pair = { accessToken: 'one', refreshToken: 'refresh one', resourceUrl: URL }
  await peer.saveAccessToken('user', URL, pair)
  const readPair = () => db.getAccessToken('user', URL)
  await comesToMemory(readPair, server)
  proxy.stall('replies')
  const renewed = { accessToken: 'two', refreshToken: 'refresh two', resourceUrl: URL }
  await peer.saveAccessToken('user', URL, renewed)
  expect(await readPair()).toEqual(pair)
  const fetch = db.coordinatedFetch(() => Promise.reject(new Error('was sent')))
  const body = new URLSearchParams({
    grant_type: 'refresh_token',
    refresh_token: 'refresh one',
    client_id: 'id',
  })
  const answer = await fetch('https://auth.example/token', { method: 'POST', body })
  expect(await answer.json()).toMatchObject({ access_token: 'two', refresh_token: 'refresh two' })
})
