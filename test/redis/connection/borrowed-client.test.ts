import { Redis, type RedisOptions } from 'ioredis'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { RedisOAuthDatabase } from '../../../src/index.js'
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

function borrow(options: RedisOptions = {}): Redis {
  const client = new Redis({ host: server.host, port: server.port, ...options })
  onTestFinished(() => client.disconnect())
  return client
}

describe('a borrowed client', () => {
  it('stays open when the database closes, and serves its owner', async () => {
    const client = borrow()
    const one = new RedisOAuthDatabase({ client, keyPrefix: 'one:' })
    const two = new RedisOAuthDatabase({ client, keyPrefix: 'two:' })
    await one.storeToken('a', 'one')
    await one.close()
    await expect(one.getToken('a')).rejects.toMatchObject({ code: 'CLOSED' })
    await two.storeToken('a', 'two')
    expect(await client.get('one:a')).toBe('one')
    expect(client.listenerCount('error')).toBe(0)
    await two.close()
    expect(await client.ping()).toBe('PONG')
  })

  it('that its owner has closed fails calls at once', async () => {
    const client = borrow()
    const db = new RedisOAuthDatabase({ client })
    await db.ping()
    await client.quit()
    await eventually(() => client.status === 'end')
    await expect(db.getToken('a')).rejects.toMatchObject({
      code: 'CLOSED',
      message: expect.stringMatching(/options\.client.*has ended/),
    })
    await expect(db.storeToken('a', 'token')).rejects.toMatchObject({ code: 'CLOSED' })
    await db.close()
  })

  it('that answers numbers as strings gives the same answers', async () => {
    const client = borrow({ stringNumbers: true })
    const db = new RedisOAuthDatabase({ client })
    const expiresAt = new Date(Date.now() + 60_000)
    await db.storeToken('a', 'one', expiresAt)
    await db.storeToken('b', 'two')
    expect(await db.getTokenExpiry('a')).toEqual(expiresAt)
    expect(await db.getTokenExpiry('b')).toBe('never')
    expect(await db.getTokenExpiry('c')).toBeNull()
    expect(await db.hasToken('c')).toBe(false)
    expect(await db.deleteToken('c')).toBe(false)
    expect(await db.deleteToken('a')).toBe(true)
    expect((await db.health()).nodes[0]?.connectedReplicas).toBe(0)
    const leases = (): Promise<string[]> => client.keys('atxp:oauth:~lease:*')
    const seen = await db.singleFlight('work', leases, { recheck: async () => undefined })
    expect(seen).toHaveLength(1)
    expect(await leases()).toEqual([])
    await db.close()
  })

  it('that connects only when it is used, is used', async () => {
    const client = borrow({ lazyConnect: true })
    const db = new RedisOAuthDatabase({ client })
    await db.storeToken('a', 'one')
    expect(await db.listTokens()).toEqual(['a'])
    await db.close()
  })

  it('that waits as long as it takes keeps none of the calls that have failed, and all of its owner', async () => {
    proxy.refuse()
    const client = borrow({
      port: proxy.port,
      maxRetriesPerRequest: null,
      retryStrategy: () => 10,
    })
    client.on('error', () => undefined)
    const db = new RedisOAuthDatabase({ client, commandTimeout: 100 })
    const own = client.set('own', 'value')
    for (let round = 0; round < 3; round += 1) {
      const calls = Array.from({ length: 1_500 }, (_, i) => db.storeToken(`${i}`, 'token'))
      const results = await Promise.allSettled(calls)
      expect(results.every(({ status }) => status === 'rejected')).toBe(true)
      const { length } = (client as unknown as { offlineQueue: unknown[] }).offlineQueue
      expect(length).toBeLessThan(1_500)
    }
    await proxy.accept()
    expect(await own).toBe('OK')
    expect(await db.listTokens()).toEqual([])
    await db.close()
  })

  it('ends calls at its own limit, which leaves no timer behind', async () => {
    const client = borrow({ port: proxy.port, commandTimeout: 50 })
    client.on('error', () => undefined)
    const short = new RedisOAuthDatabase({ client })
    await eventually(() => short.ping())
    proxy.stall()
    await expect(short.getToken('a')).rejects.toMatchObject({
      code: 'TIMEOUT',
      cause: expect.objectContaining({ message: 'Command timed out' }),
    })
    proxy.resume()
    await short.close()

    const LIMIT_MS = 54_321
    const db = new RedisOAuthDatabase({ client: borrow({ commandTimeout: LIMIT_MS }) })
    await db.ping()
    const begun = vi.spyOn(globalThis, 'setTimeout')
    const ended = vi.spyOn(globalThis, 'clearTimeout')
    onTestFinished(() => {
      vi.restoreAllMocks()
    })
    await db.getToken('a')
    const { value: timer } = begun.mock.results[
      begun.mock.calls.findIndex(([, ms]) => ms === LIMIT_MS)
    ] as { value: NodeJS.Timeout }
    expect(ended).toHaveBeenCalledWith(timer)
    await db.close()
  })

  it('whose server hangs lets calls settle within commandTimeout, and sends nothing of them later', async () => {
    const client = borrow({ port: proxy.port })
    client.on('error', () => undefined)
    const db = new RedisOAuthDatabase({ client, commandTimeout: 200 })
    await eventually(() => db.ping())
    proxy.refuse()
    proxy.cut()
    await eventually(() => client.status !== 'ready')
    await expect(db.storeToken('a', 'one')).rejects.toMatchObject({ code: 'TIMEOUT' })
    await proxy.accept()
    await eventually(() => db.ping())
    expect(await server.cli('DBSIZE')).toBe(0)
    await db.close()
  })
})
