import { createServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { RedisOAuthDatabase, type RedisOAuthDatabaseOptions } from '../../../src/index.js'
import { eventually } from '../../support/eventually.js'
import { type FaultProxy, startFaultProxy } from '../../support/network/fault-proxy.js'
import { type RedisServer, startRedis } from '../../support/servers/redis-server.js'

let server: RedisServer
let proxy: FaultProxy

beforeEach(async () => {
  server = await startRedis()
  proxy = await startFaultProxy(server)
})

afterEach(async () => {
  await proxy.stop()
  await server.stop()
})

function open(options: RedisOAuthDatabaseOptions = {}): RedisOAuthDatabase {
  const { host, port } = proxy
  return new RedisOAuthDatabase({ host, port, retryDelayOnFailover: 10, ...options })
}

async function fillWithStrangers(count: number): Promise<void> {
  for (let i = 0; i < count; i += 10_000) {
    const pairs = Array.from({ length: 10_000 }, (_, j) => [`session:${i + j}`, 'value'])
    await server.cli('MSET', ...pairs.flat())
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

describe('close lets operations in flight finish:', () => {
  it('those that were sent and those that wait for the connection', async () => {
    const db = open()
    proxy.delay(20)
    const write = db.storeToken('a', 'one')
    const read = db.getToken('a')
    const many = db.getTokens(['a', 'b'])
    const deletion = db.deleteTokens(['a', 'b'])
    await db.close()
    await write
    expect(await read).toBe('one')
    expect(await many).toEqual(new Map([['a', 'one']]))
    expect(await deletion).toBe(1)
    await eventually(() => proxy.connections === 0)
  })

  it('a listTokens over many keys', async () => {
    await fillWithStrangers(30_000)
    const db = open()
    await db.storeTokens(Array.from({ length: 500 }, (_, i) => ({ key: `a${i}`, token: 'one' })))
    const list = db.listTokens()
    await db.close()
    expect(await list).toHaveLength(500)
  })

  it('a storeTokens whose source still brings entries', async () => {
    const db = open()
    await db.ping()
    async function* source() {
      for (let i = 0; i < 50; i += 1) {
        await nextTurn()
        yield { key: `a${i}`, token: 'one' }
      }
    }
    const work = db.storeTokens(source())
    await db.close()
    expect(await work).toEqual({ stored: 50 })
    expect(await server.cli('DBSIZE')).toBe(50)
  })

  it('one that has to be sent again, as its connection is cut', async () => {
    const db = open()
    await db.ping()
    await server.cli('SET', 'atxp:oauth:a', 'one')
    const lost = proxy.dropReplies('get')
    const read = db.getToken('a')
    await db.close()
    expect(await read).toBe('one')
    expect(lost.commands).toHaveLength(1)
  })

  it('by their failure when Redis is away', async () => {
    const db = open({ maxRetriesPerRequest: 2 })
    proxy.refuse()
    const read = db.getToken('a').catch((error: { code: string }) => error.code)
    await db.close()
    expect(await read).toBe('CONNECTION_REFUSED')
  })

  it('by their failure when Redis hangs, within commandTimeout', async () => {
    const db = open({ commandTimeout: 200 })
    await eventually(() => db.ping())
    server.pause()
    const startedAt = performance.now()
    const read = db.getToken('a').catch((error: { code: string }) => error.code)
    await db.close()
    expect(performance.now() - startedAt).toBeLessThan(1_500)
    expect(await read).toBe('TIMEOUT')
    server.resume()
  })
})

describe('close', () => {
  it('is idempotent, from several places at once', async () => {
    const db = open()
    const write = db.storeToken('a', 'one')
    const closes = [db.close(), db.close(), nextTurn().then(() => db.close())]
    expect(await Promise.all(closes)).toEqual([undefined, undefined, undefined])
    await write
    await db.close()
  })

  it('before any operation makes no connection', async () => {
    const db = open()
    await db.close()
    await expect(db.ping()).rejects.toMatchObject({ code: 'CLOSED' })
    expect(proxy.accepted).toBe(0)
  })

  it('rejects calls with CLOSED from the moment on that it is called', async () => {
    const db = open()
    const before = db.storeToken('a', 'one')
    const closed = db.close()
    const after = db.storeToken('a', 'two')
    await expect(after).rejects.toMatchObject({ code: 'CLOSED' })
    await before
    await closed
    expect(await server.cli('GET', 'atxp:oauth:a')).toBe('one')
  })

  it('leaves no socket, and nothing connects again', async () => {
    const db = open()
    await db.ping()
    await db.close()
    await eventually(() => proxy.connections === 0)
    await expect(db.getToken('a')).rejects.toMatchObject({ code: 'CLOSED' })
    // Meanwhile one that is open connects again, after the same delay.
    const other = open()
    await other.ping()
    for (let i = 0; i < 3; i += 1) {
      proxy.cut()
      await eventually(() => other.ping())
    }
    await other.close()
    expect(proxy.accepted).toBe(1 + 4)
  })

  it('ends a scanTokens under way with CLOSED, though nothing was found yet', async () => {
    await fillWithStrangers(50_000)
    const db = open()
    await db.ping()
    const scan = (async () => {
      for await (const key of db.scanTokens()) expect.fail(`there is no ${key}`)
    })().catch((error: { code: string }) => error.code)
    await nextTurn()
    await db.close()
    expect(await scan).toBe('CLOSED')
    expect(proxy.accepted).toBe(1)
  })

  it('ends a scanTokens whose consumer takes its time with CLOSED', async () => {
    await Promise.all(
      Array.from({ length: 10 }, (_, i) => server.cli('SET', `atxp:oauth:${i}`, 'one')),
    )
    const db = open()
    const scan = db.scanTokens()
    expect((await scan.next()).done).toBe(false)
    await db.close()
    await expect(scan.next()).rejects.toMatchObject({ code: 'CLOSED' })
  })

  it.each([
    ['is refused', () => proxy.refuse()],
    ['hangs', () => proxy.stall()],
    ['is half open', () => proxy.halfOpen()],
  ])('ends soon while the connection %s and nothing waits', async (_state, fault) => {
    const db = open({ commandTimeout: 200 })
    await eventually(() => db.ping())
    fault()
    if (_state === 'is refused') proxy.cut()
    await nextTurn()
    const startedAt = performance.now()
    await db.close()
    expect(performance.now() - startedAt).toBeLessThan(1_000)
    proxy.resume()
  })

  it('ends soon while a TLS handshake hangs', async () => {
    const silent = createServer((socket) => socket.resume())
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const { port } = silent.address() as { port: number }
    const db = new RedisOAuthDatabase({ host: '127.0.0.1', port, tls: {}, connectionTimeout: 100 })
    await expect(db.ping()).rejects.toThrow()
    const startedAt = performance.now()
    await db.close()
    expect(performance.now() - startedAt).toBeLessThan(1_000)
    await new Promise((resolve) => silent.close(resolve))
  })

  describe('at whatever moment of connecting, failing and connecting again it comes, resolves:', () => {
    const FAULTS = ['none', 'cut', 'refuse', 'dropReplies', 'dropRequests'] as const

    function strike(fault: (typeof FAULTS)[number]): void {
      if (fault === 'cut') proxy.cut()
      else if (fault === 'refuse') proxy.refuse()
      else if (fault !== 'none') proxy[fault]('ping')
    }

    async function turns(count: number): Promise<void> {
      for (let i = 0; i < count; i += 1) await nextTurn()
    }

    it.each(FAULTS)('%s', async (fault) => {
      for (let i = 0; i < 24; i += 1) {
        const db = open({ retryDelayOnFailover: 1, maxRetriesPerRequest: 2 })
        const calls = Array.from({ length: i % 3 }, () => db.storeToken('a', 'one'))
        const settled = Promise.allSettled(calls)
        await turns(i % 12)
        strike(fault)
        await turns(i % 7)
        await db.close()
        await settled
        await proxy.accept()
      }
      await eventually(() => proxy.connections === 0)
    })
  })

  it('is what await using calls, where Node has Symbol.asyncDispose', async () => {
    const { asyncDispose } = Symbol as { asyncDispose?: symbol }
    // Node 18.18 and later.
    expect(asyncDispose).toBeDefined()
    const db = open()
    await db.ping()
    const dispose = (db as unknown as Record<symbol, () => Promise<void>>)[asyncDispose as symbol]
    await dispose?.call(db)
    await expect(db.ping()).rejects.toMatchObject({ code: 'CLOSED' })
  })
})
