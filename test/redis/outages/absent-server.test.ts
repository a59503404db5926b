import { describe, expect, it } from 'vitest'
import type { RedisOAuthDatabase, RedisOAuthDatabaseOptions } from '../../../src/index.js'
import { expectFailure } from '../../support/connection/failure-facts.js'
import { eventually } from '../../support/eventually.js'
import { openDatabase, startProxy, startServer } from '../../support/scene.js'
import { freePort } from '../../support/servers/free-port.js'

/** With the documented delay between attempts. */
function open(options: RedisOAuthDatabaseOptions): RedisOAuthDatabase {
  return openDatabase({ host: '127.0.0.1', retryDelayOnFailover: 100, ...options })
}

async function elapsedMs(work: Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await work
  return performance.now() - startedAt
}

describe('construction for an absent server', () => {
  it('neither throws nor connects', async () => {
    const server = await startServer()
    const proxy = await startProxy(server)
    open({ port: proxy.port })
    open({ port: await freePort() })
    open({ host: 'no-such-host.invalid' })
    open({ url: 'unix:///nowhere/redis.sock' })
    await new Promise((resolve) => setImmediate(resolve))
    expect(proxy.accepted).toBe(0)
  })
})

describe('the first operation on an absent server', () => {
  it.each([
    { maxRetriesPerRequest: 0, retryDelayOnFailover: 1_900, fromMs: 0, toMs: 1_500 },
    { maxRetriesPerRequest: 3, retryDelayOnFailover: 100, fromMs: 290, toMs: 1_200 },
    { maxRetriesPerRequest: 5, retryDelayOnFailover: 20, fromMs: 95, toMs: 800 },
  ])(
    'fails after maxRetriesPerRequest x retryDelayOnFailover: %j',
    async ({ fromMs, toMs, ...limits }) => {
      const port = await freePort()
      const db = open({ port, ...limits })
      const ms = await elapsedMs(
        expectFailure(db.getToken('a'), 'CONNECTION_REFUSED', `127.0.0.1:${port}`),
      )
      expect(ms).toBeGreaterThanOrEqual(fromMs)
      expect(ms).toBeLessThan(toMs)
    },
  )

  it('fails at connectionTimeout when the retries would take longer, for the same reason', async () => {
    const port = await freePort()
    const db = open({ port, retryDelayOnFailover: 60_000, connectionTimeout: 200 })
    const ms = await elapsedMs(
      expectFailure(db.storeToken('a', 'token'), 'CONNECTION_REFUSED', `127.0.0.1:${port}`),
    )
    expect(ms).toBeGreaterThanOrEqual(190)
    expect(ms).toBeLessThan(1_500)
  })

  it('fails alike when it is the hundredth', async () => {
    const port = await freePort()
    const db = open({ port, retryDelayOnFailover: 5, maxRetriesPerRequest: 2 })
    for (let i = 0; i < 5; i += 1) {
      const calls = Array.from({ length: 20 }, () => db.getToken('a'))
      const ms = await elapsedMs(
        Promise.all(
          calls.map((call) => expectFailure(call, 'CONNECTION_REFUSED', `127.0.0.1:${port}`)),
        ),
      )
      expect(ms).toBeLessThan(1_800)
    }
  })
})

describe('the database recovers by itself', () => {
  it('when Redis comes up while an operation waits', async () => {
    const server = await startServer()
    await server.kill()
    const db = open({ port: server.port, maxRetriesPerRequest: 50, commandTimeout: 10_000 })
    const write = db.storeToken('a', 'one')
    const read = db.getToken('a')
    await server.restart({ keepData: false })
    await write
    expect(await read).toBe('one')
  })

  it('when Redis comes up after operations have failed', async () => {
    const server = await startServer()
    await server.kill()
    const { host, port } = server
    const db = open({ port, retryDelayOnFailover: 10 })
    await expectFailure(db.getToken('a'), 'CONNECTION_REFUSED', `${host}:${port}`)
    await server.restart({ keepData: false })
    await eventually(() => db.ping())
    await db.storeToken('a', 'one')
    expect(await server.cli('GET', 'atxp:oauth:a')).toBe('one')
  })

  it('when Redis restarts under a connection that stands', async () => {
    const server = await startServer()
    const db = open({ port: server.port })
    await db.storeToken('a', 'one')
    await server.restart({ keepData: true })
    expect(await db.getToken('a')).toBe('one')
  })

  it('when Redis was away for longer than every operation', async () => {
    const server = await startServer()
    const { host, port } = server
    const db = open({ port, retryDelayOnFailover: 10, maxRetriesPerRequest: 1 })
    await db.ping()
    await server.kill()
    for (let i = 0; i < 5; i += 1) {
      await expectFailure(db.getToken('a'), 'CONNECTION_REFUSED', `${host}:${port}`)
    }
    await server.restart({ keepData: false })
    await eventually(() => db.ping())
  })

  it('within a second or so, also without a call meanwhile', async () => {
    const server = await startServer()
    const proxy = await startProxy(server)
    const db = open({ port: proxy.port, retryDelayOnFailover: 10 })
    await db.ping()
    proxy.refuse()
    proxy.cut()
    await eventually(() => proxy.connections === 0)
    await proxy.accept()
    await eventually(() => proxy.connections === 1, { withinMs: 3_000 })
    expect(proxy.accepted).toBe(2)
  })

  it('with its database number and its password', async () => {
    const server = await startServer({ requirepass: 'secret' })
    const proxy = await startProxy(server)
    const db = open({ port: proxy.port, password: 'secret', db: 3 })
    await db.storeToken('a', 'one')
    for (let i = 0; i < 3; i += 1) {
      proxy.cut()
      // A read is sent again over the next connection.
      await db.getToken('a')
      await db.storeToken(`b${i}`, 'two')
    }
    expect(await db.getToken('a')).toBe('one')
    expect(await server.cli('INFO', 'keyspace')).toMatch(/db3:keys=4,/)
    expect(await server.cli('INFO', 'keyspace')).not.toContain('db0')
  })
})

it('many operations at once share one connection', async () => {
  const server = await startServer()
  const proxy = await startProxy(server)
  const db = open({ port: proxy.port })
  await Promise.all(Array.from({ length: 500 }, (_, i) => db.storeToken(`a${i}`, 'one')))
  await Promise.all(Array.from({ length: 500 }, (_, i) => db.getToken(`a${i}`)))
  expect(proxy.accepted).toBe(1)
})
