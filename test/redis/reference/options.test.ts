import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { RedisOAuthDatabase, type RedisOAuthDatabaseOptions } from '../../../src/index.js'
import { startProxy, startServer } from '../../support/scene.js'
import { freePort } from '../../support/servers/free-port.js'
import type { RedisServer } from '../../support/servers/redis-server.js'

// Each option is seen to do what the reference says: two databases that differ in it alone have different fates. An option that
// did nothing would fail here.

const HOST = '127.0.0.1'

function open(options: RedisOAuthDatabaseOptions): RedisOAuthDatabase {
  const db = new RedisOAuthDatabase(options)
  onTestFinished(() => db.close())
  return db
}

const at = ({ port }: RedisServer) => ({ host: HOST, port })

const keysOf = (server: RedisServer) => server.cli<string[]>('KEYS', '*')

/** The numbers of the databases that have keys. */
async function databasesOf(server: RedisServer): Promise<number[]> {
  const keyspace = await server.cli<string>('INFO', 'keyspace')
  return [...keyspace.matchAll(/^db(\d+):/gm)].map(([, db]) => Number(db))
}

/** A link that is dead: it ends each connection as soon as it is made, and counts them. */
async function startDeadLink(): Promise<{ port: number; attempts(): number }> {
  let attempts = 0
  const port = await freePort()
  const server = createServer((socket) => {
    attempts += 1
    socket.on('error', () => undefined)
    socket.destroy()
  })
  await new Promise<void>((resolve) => server.listen(port, HOST, resolve))
  onTestFinished(() => void server.close())
  return { port, attempts: () => attempts }
}

/** Whether it failed, and how long that took. */
async function failure(call: Promise<unknown>): Promise<{ code: string; ms: number }> {
  const startedAt = performance.now()
  const error = await call.then(
    () => ({ code: 'none' }),
    (reason: { code: string }) => reason,
  )
  return { code: error.code, ms: performance.now() - startedAt }
}

describe('an option of the reference has its effect:', () => {
  it('url leads to its server, and wins over host, port, password and db', async () => {
    const [right, wrong] = [await startServer({ requirepass: 'pw' }), await startServer()]
    const others = { ...at(wrong), password: 'no', db: 5 }
    await open({ url: `redis://:pw@${HOST}:${right.port}/2`, ...others }).storeToken('a', 'one')
    expect(await databasesOf(right)).toEqual([2])
    expect(await databasesOf(wrong)).toEqual([])
  })

  it('host leads to its server, and is localhost if left out', async () => {
    const server = await startServer()
    const { port } = server
    await open({ port }).storeToken('a', 'one')
    expect(await open({ host: HOST, port }).getToken('a')).toBe('one')
    const elsewhere = open({ host: 'no-such-host.invalid', port }).getToken('a')
    await expect(elsewhere).rejects.toMatchObject({ code: 'HOST_NOT_FOUND' })
  })

  it('port leads to its server', async () => {
    const [one, two] = [await startServer(), await startServer()]
    await open({ host: HOST, port: one.port }).storeToken('a', 'one')
    expect(await keysOf(one)).toEqual(['atxp:oauth:a'])
    expect(await open({ host: HOST, port: two.port }).getToken('a')).toBeNull()
  })

  it('password lets in, and a wrong one or none does not', async () => {
    const server = await startServer({ requirepass: 'pw' })
    await open({ ...at(server), password: 'pw' }).storeToken('a', 'one')
    const [wrong, none] = [open({ ...at(server), password: 'no' }), open(at(server))]
    expect((await failure(wrong.getToken('a'))).code).toBe('AUTHENTICATION_FAILED')
    expect((await failure(none.getToken('a'))).code).toBe('AUTHENTICATION_REQUIRED')
  })

  it('db is the number of the database, 0 to 15, and 0 if left out', async () => {
    const server = await startServer()
    await open({ ...at(server) }).storeToken('a', 'one')
    expect(await databasesOf(server)).toEqual([0])
    await open({ ...at(server), db: 15 }).storeToken('a', 'two')
    expect(await databasesOf(server)).toEqual([0, 15])
    expect((await failure(open({ ...at(server), db: 16 }).getToken('a'))).code).not.toBe('none')
  })

  it('keyPrefix begins every key, and is atxp:oauth: if left out', async () => {
    const server = await startServer()
    const [mine, standard] = [open({ ...at(server), keyPrefix: 'myapp:' }), open(at(server))]
    await mine.storeToken('a', 'one')
    await standard.storeToken('b', 'two')
    expect((await keysOf(server)).sort()).toEqual(['atxp:oauth:b', 'myapp:a'])
    expect(await mine.listTokens()).toEqual(['a'])
    expect(await standard.listTokens()).toEqual(['b'])
  })

  it('connectionTimeout is how long a call waits on a slow link', async () => {
    const proxy = await startProxy(await startServer())
    proxy.delayFirst(600)
    const link = { host: HOST, port: proxy.port, maxRetriesPerRequest: 0 }
    const [patient, hasty] = [open(link), open({ ...link, connectionTimeout: 100 })]
    const [waited, gaveUp] = await Promise.all([patient.getToken('a'), failure(hasty.ping())])
    expect(waited).toBeNull()
    expect(gaveUp.code).toBe('CONNECTION_TIMEOUT')
  })

  it('retryDelayOnFailover is the pause between attempts at a dead link', async () => {
    const link = { host: HOST, port: (await startDeadLink()).port, maxRetriesPerRequest: 2 }
    const slow = failure(open({ ...link, retryDelayOnFailover: 700 }).getToken('a'))
    const standard = failure(open(link).getToken('a'))
    // Two pauses of 100 milliseconds are over before two of 700 are.
    expect(await Promise.race([slow.then(() => 'slow'), standard.then(() => 'standard')])).toBe(
      'standard',
    )
    expect((await standard).ms).toBeGreaterThanOrEqual(195)
    expect((await slow).ms).toBeGreaterThanOrEqual(1_395)
    expect((await slow).code).toBe('CONNECTION_LOST')
  })

  it.each([
    [0, 1],
    [5, 6],
    [undefined, 4],
  ])(
    'maxRetriesPerRequest %s has a dead link tried %i times',
    async (maxRetriesPerRequest, tries) => {
      const link = await startDeadLink()
      const db = open({
        host: HOST,
        port: link.port,
        retryDelayOnFailover: 50,
        maxRetriesPerRequest,
      })
      await expect(db.getToken('a')).rejects.toMatchObject({ code: 'CONNECTION_LOST' })
      expect(link.attempts()).toBe(tries)
    },
  )
})

it('the example for network timeouts waits for a link whose first answer takes longer than a command may', async () => {
  const proxy = await startProxy(await startServer())
  proxy.delayFirst(2_500)
  const link = { host: HOST, port: proxy.port }
  const example = { connectionTimeout: 30_000, retryDelayOnFailover: 200, maxRetriesPerRequest: 5 }
  const dbs = [
    open(link),
    open({ ...link, connectionTimeout: 30_000 }),
    open({ ...link, ...example }),
  ]
  expect(await Promise.all(dbs.map((db) => db.getToken('a')))).toEqual([null, null, null])
})

it('every option of the reference is among these', () => {
  const file = fileURLToPath(import.meta.url)
  const source = readFileSync(file, 'utf8')
  const page = readFileSync(fileURLToPath(new URL('blocks.md', import.meta.url)), 'utf8')
  const [members = ''] = /(?<=interface RedisOAuthDatabaseOptions \{)[^}]*/.exec(page) ?? []
  const options = [...members.matchAll(/(\w+)\?:/g)].map(([, name]) => name)
  expect(options).toHaveLength(9)
  expect(options.filter((name) => !new RegExp(`^ {2}.*'${name} `, 'm').test(source))).toEqual([])
})
