import { connect } from 'node:net'
import type { Redis, RedisOptions } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { eventually } from '../../support/eventually.js'
import { type FaultProxy, startFaultProxy } from '../../support/network/fault-proxy.js'
import { bareClient } from '../../support/servers/bare-client.js'
import { certificates } from '../../support/servers/certificates.js'
import { type RedisServer, startRedis } from '../../support/servers/redis-server.js'

describe('a fault proxy', () => {
  let server: RedisServer
  let proxy: FaultProxy

  beforeAll(async () => {
    server = await startRedis()
  })

  afterAll(async () => {
    await server.stop()
  })

  beforeEach(async () => {
    await server.cli('FLUSHALL')
    proxy = await startFaultProxy(server)
  })

  afterEach(async () => {
    await proxy.stop()
  })

  async function through(options: RedisOptions = {}): Promise<Redis> {
    const redis = bareClient({ port: proxy.port, enableReadyCheck: false, ...options })
    await redis.ping()
    return redis
  }

  it('lets everything through as it is, in pieces and in bulk', async () => {
    const redis = await through()
    const large = Buffer.alloc(3_000_000, 'x')
    await redis.set('large', large)
    expect(await redis.get('large')).toHaveLength(large.length)
    const numbers = Array.from({ length: 2_000 }, (_, i) => i)
    expect(await Promise.all(numbers.map((i) => redis.incr('n').then((n) => n - i)))).toEqual(
      numbers.map(() => 1),
    )
    expect(proxy.connections).toBe(1)
    redis.disconnect()
    await eventually(() => proxy.connections === 0)
    expect(proxy.accepted).toBe(1)
  })

  it('carries TLS and Unix sockets', async () => {
    const secure = await startRedis({ tls: true })
    const { ca } = await certificates()
    const toSecure = await startFaultProxy(secure)
    const toSocket = await startFaultProxy({ path: server.path })
    try {
      expect(await bareClient({ port: toSecure.port, tls: { ca: ca.cert } }).ping()).toBe('PONG')
      expect(await bareClient({ port: toSocket.port }).ping()).toBe('PONG')
      toSocket.cut()
    } finally {
      await Promise.all([toSecure.stop(), toSocket.stop(), secure.stop()])
    }
  })

  it('cuts connections by a reset, and takes new ones', async () => {
    const socket = connect(proxy.port, '127.0.0.1')
    await new Promise((resolve) => socket.once('connect', resolve))
    await eventually(() => proxy.connections === 1)
    const error = new Promise<NodeJS.ErrnoException>((resolve) => socket.once('error', resolve))
    proxy.cut()
    expect((await error).code).toBe('ECONNRESET')
    expect(await (await through()).ping()).toBe('PONG')
  })

  it('refuses new connections and keeps those that stand, until it accepts again', async () => {
    const standing = await through()
    proxy.refuse()
    const refused = connect(proxy.port, '127.0.0.1')
    const error = await new Promise<NodeJS.ErrnoException>((resolve) =>
      refused.once('error', resolve),
    )
    expect(error.code).toBe('ECONNREFUSED')
    expect(await standing.ping()).toBe('PONG')
    await proxy.accept()
    expect(await (await through()).ping()).toBe('PONG')
  })

  it('holds requests while stalled, and delivers them later, even of a client that has gone', async () => {
    const redis = await through({ commandTimeout: 100 })
    proxy.stall('requests')
    await expect(redis.set('late', '1')).rejects.toThrow('timed out')
    redis.disconnect()
    await eventually(() => redis.status === 'end')
    expect(await server.cli('GET', 'late')).toBeNull()
    proxy.resume()
    await eventually(async () => (await server.cli('GET', 'late')) === '1')
    await eventually(() => proxy.connections === 0)
  })

  it('holds replies only, if so told: the command has run', async () => {
    const redis = await through()
    proxy.stall('replies')
    const reply = redis.set('a', '1')
    await eventually(async () => (await server.cli('GET', 'a')) === '1')
    expect(await Promise.race([reply, Promise.resolve('held')])).toBe('held')
    proxy.resume()
    expect(await reply).toBe('OK')
  })

  it('delays every reply, in order, until told otherwise', async () => {
    const redis = await through()
    proxy.delay(100)
    const start = performance.now()
    expect(await Promise.all([redis.incr('n'), redis.incr('n')])).toEqual([1, 2])
    expect(performance.now() - start).toBeGreaterThanOrEqual(99)
    proxy.delay(0)
    const held = performance.now()
    await redis.ping()
    expect(performance.now() - held).toBeLessThan(90)
  })

  it('swallows every byte when half-open, and connections that lost bytes stay dead', async () => {
    const redis = await through({ commandTimeout: 100 })
    proxy.halfOpen()
    await expect(redis.set('a', '1')).rejects.toThrow('timed out')
    const young = bareClient({ port: proxy.port, commandTimeout: 100 })
    await expect(young.ping()).rejects.toThrow('timed out')
    proxy.resume()
    await expect(redis.set('a', '1')).rejects.toThrow('timed out')
    await expect(young.set('a', '1')).rejects.toThrow('timed out')
    expect([redis.status, young.status]).toEqual(['ready', 'connect'])
    expect(await server.cli('GET', 'a')).toBeNull()
    expect(await (await through()).ping()).toBe('PONG')
  })

  it('puts garbage in front of the next reply, once', async () => {
    const redis = await through()
    proxy.garbage('+BAD\r\n')
    expect(await redis.ping()).toBe('BAD')
    const other = await through()
    proxy.garbage(Buffer.from([0, 255, 13, 10]))
    await expect(other.ping()).rejects.toThrow('Protocol error')
    expect(await (await through()).ping()).toBe('PONG')
  })

  it('loses the reply of exactly the command named, which has run, and nothing behind it has', async () => {
    const redis = await through()
    const lost = proxy.dropReplies('INCRBY')
    const results = await Promise.allSettled([
      redis.incr('before'),
      redis.incrby('n', 5),
      redis.incr('after'),
    ])
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected'])
    expect(lost.commands).toEqual([['incrby', 'n', '5']])
    expect(await server.cli('MGET', 'before', 'n', 'after')).toEqual(['1', '5', null])
    expect(await (await through()).incrby('n', 5)).toBe(10)
  })

  it('loses as many replies as told, of those for which the function answers true', async () => {
    const lost = proxy.dropReplies(([name, key]) => name === 'incr' && key === 'b', { times: 2 })
    for (let i = 0; i < 2; i++) {
      const redis = await through()
      expect(await redis.incr('a')).toBe(i + 1)
      await expect(redis.incr('b')).rejects.toThrow()
    }
    expect(await (await through()).incr('b')).toBe(3)
    expect(lost.commands).toHaveLength(2)
  })

  it('shows that ioredis sends again what lost its reply', async () => {
    const redis = await through({ retryStrategy: () => 10, maxRetriesPerRequest: 3 })
    proxy.dropReplies('INCR')
    expect(await redis.incr('n')).toBe(2)
  })

  it('loses no reply after the fault was cancelled', async () => {
    const redis = await through()
    proxy.dropReplies('INCR').cancel()
    expect(await redis.incr('n')).toBe(1)
  })

  it('finds the right reply behind those of a subscription, one for each channel', async () => {
    const redis = await through()
    const lost = proxy.dropReplies('PING')
    proxy.stall('requests')
    const subscribed = redis.subscribe('a', 'b')
    const answer = redis.ping()
    proxy.resume()
    await expect(answer).rejects.toThrow()
    expect(await subscribed).toBe(2)
    expect(lost.commands).toHaveLength(1)
  })

  it('takes no message for the reply', async () => {
    const redis = await through()
    await redis.subscribe('a')
    let messages = 0
    redis.on('message', () => messages++)
    const lost = proxy.dropReplies('PING')
    proxy.stall('requests')
    const answer = redis.ping()
    const failed = expect(answer).rejects.toThrow()
    await server.cli('PUBLISH', 'a', '1')
    await eventually(() => messages === 1)
    expect(lost.commands).toEqual([])
    proxy.resume()
    await failed
    expect(lost.commands).toHaveLength(1)
  })

  it('loses a command before it runs', async () => {
    const redis = await through()
    const lost = proxy.dropRequests('SET')
    await expect(redis.set('a', '1')).rejects.toThrow()
    expect(lost.commands).toEqual([['set', 'a', '1']])
    expect(await server.cli('GET', 'a')).toBeNull()
  })

  it('follows the end of the server', async () => {
    const own = await startRedis()
    const toOwn = await startFaultProxy(own)
    const redis = bareClient({ port: toOwn.port })
    await redis.ping()
    await own.kill()
    await eventually(() => redis.status === 'end')
    await toOwn.stop()
    await own.stop()
  })
})
