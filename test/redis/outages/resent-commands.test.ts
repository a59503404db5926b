import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  RedisOAuthDatabase,
  type RedisOAuthDatabaseOptions,
  StoreTokensError,
} from '../../../src/index.js'
import { eventually } from '../../support/eventually.js'
import { type FaultProxy, startFaultProxy } from '../../support/network/fault-proxy.js'
import { type RedisServer, startRedis } from '../../support/servers/redis-server.js'

const COMMAND_TIMEOUT_MS = 300

let server: RedisServer
let proxy: FaultProxy
let db: RedisOAuthDatabase

beforeEach(async () => {
  server = await startRedis()
  proxy = await startFaultProxy(server)
  db = open()
  await db.ping()
})

afterEach(async () => {
  proxy.resume()
  await db.close()
  await proxy.stop()
  await server.stop()
})

function open(options: RedisOAuthDatabaseOptions = {}): RedisOAuthDatabase {
  const { host, port } = proxy
  return new RedisOAuthDatabase({ host, port, retryDelayOnFailover: 10, ...options })
}

async function reopen(options: RedisOAuthDatabaseOptions): Promise<void> {
  await db.close()
  db = open(options)
}

const inRedis = (key: string) => server.cli<string | null>('GET', `atxp:oauth:${key}`)

describe('a command that was given up before it was sent', () => {
  it('because no server was there is never sent later', async () => {
    await reopen({ maxRetriesPerRequest: 1 })
    proxy.refuse()
    const writes = Array.from({ length: 20 }, (_, i) => db.storeToken(`a${i}`, 'one'))
    for (const write of writes) {
      await expect(write).rejects.toMatchObject({ code: 'CONNECTION_REFUSED' })
    }
    await proxy.accept()
    await eventually(() => db.ping())
    await db.storeToken('b', 'two')
    expect(await server.cli('DBSIZE')).toBe(1)
  })

  it('because the connection was not established in time is never sent later', async () => {
    await reopen({ connectionTimeout: COMMAND_TIMEOUT_MS })
    proxy.stall()
    await expect(db.storeToken('a', 'one')).rejects.toMatchObject({ code: 'CONNECTION_TIMEOUT' })
    await expect(db.deleteToken('a')).rejects.toMatchObject({ code: 'CONNECTION_TIMEOUT' })
    proxy.resume()
    await eventually(() => db.ping())
    expect(await server.cli('DBSIZE')).toBe(0)
  })

  it('does not take the place of one that was called later', async () => {
    await reopen({ connectionTimeout: COMMAND_TIMEOUT_MS })
    proxy.stall()
    const given = db.storeToken('a', 'given up')
    given.catch(() => undefined)
    await expect(given).rejects.toMatchObject({ code: 'CONNECTION_TIMEOUT' })
    const later = db.storeToken('a', 'later')
    const read = db.getToken('a')
    proxy.resume()
    await later
    expect(await read).toBe('later')
    expect(await inRedis('a')).toBe('later')
  })
})

describe('a read whose request was lost with the connection', () => {
  it.each(['get', 'exists', 'pexpiretime', 'scan'])('is sent again: %s', async (name) => {
    await db.storeToken('a', 'one')
    const lost = proxy.dropRequests(name)
    if (name === 'get') expect(await db.getToken('a')).toBe('one')
    else if (name === 'exists') expect(await db.hasToken('a')).toBe(true)
    else if (name === 'pexpiretime') expect(await db.getTokenExpiry('a')).toBe('never')
    else expect(await db.listTokens()).toEqual(['a'])
    expect(lost.commands).toHaveLength(1)
  })
})

describe('a write whose request was lost with the connection', () => {
  it('of storeToken is not sent again: its outcome is unknown', async () => {
    await db.storeToken('a', 'one')
    const lost = proxy.dropRequests('set')
    await expect(db.storeToken('a', 'two')).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    expect(lost.commands).toHaveLength(1)
    expect(await db.getToken('a')).toBe('one')
  })

  it('of deleteToken is not sent again: its outcome is unknown', async () => {
    await db.storeToken('a', 'one')
    proxy.dropRequests('del')
    await expect(db.deleteToken('a')).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    expect(await db.getToken('a')).toBe('one')
  })
})

describe('a write whose reply was lost with the connection', () => {
  it('of storeToken is not sent again, whether there is another connection or not', async () => {
    const lost = proxy.dropReplies('set')
    const expiresAt = new Date(Date.now() + 60_000)
    await expect(db.storeToken('a', 'one', expiresAt)).rejects.toMatchObject({
      code: 'OUTCOME_UNKNOWN',
      message: expect.stringContaining(`127.0.0.1:${proxy.port}`),
    })
    expect(lost.commands).toHaveLength(1)
    expect(await db.getToken('a')).toBe('one')
    expect(await db.getTokenExpiry('a')).toEqual(expiresAt)
    expect(await server.cli('INFO', 'commandstats')).toContain('cmdstat_set:calls=1,')
  })

  it('of storeToken has an unknown outcome when it cannot be sent again', async () => {
    await reopen({ maxRetriesPerRequest: 2 })
    await db.ping()
    proxy.dropReplies('set')
    const write = db.storeToken('a', 'one')
    proxy.refuse()
    await expect(write).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    expect(await inRedis('a')).toBe('one')
    await proxy.accept()
  })

  it('of an expired token has still removed it', async () => {
    await db.storeToken('a', 'one')
    for (const expiresAt of [new Date(Date.now() - 1_000), new Date(0)]) {
      await db.storeToken('a', 'one')
      const lost = proxy.dropReplies((command) => /^(set|del)$/i.test(command[0] ?? ''))
      await expect(db.storeToken('a', 'two', expiresAt)).rejects.toMatchObject({
        code: 'OUTCOME_UNKNOWN',
      })
      expect(lost.commands).toHaveLength(1)
      expect(await inRedis('a')).toBeNull()
    }
  })

  it('of deleteToken that removed something never says false: its outcome is unknown', async () => {
    await db.storeToken('a', 'one')
    const lost = proxy.dropReplies('del')
    await expect(db.deleteToken('a')).rejects.toMatchObject({
      code: 'OUTCOME_UNKNOWN',
      message: expect.stringContaining(`127.0.0.1:${proxy.port}`),
    })
    expect(lost.commands).toHaveLength(1)
    expect(await inRedis('a')).toBeNull()
  })

  it('of deleteTokens counts nothing that is unknown', async () => {
    await db.storeTokens([
      { key: 'a', token: 'one' },
      { key: 'b', token: 'two' },
    ])
    proxy.dropReplies((command) => command[1] === 'atxp:oauth:a')
    await expect(db.deleteTokens(['a', 'b'])).rejects.toMatchObject({
      code: 'OUTCOME_UNKNOWN',
      removed: 0,
      failed: 2,
    })
    // The second left behind the first, and never reached the server.
    expect(await db.listTokens()).toEqual(['b'])
    expect(await db.deleteTokens(['a', 'b'])).toBe(1)
  })

  it('of storeTokens are listed, each as unknown, and can be stored again', async () => {
    const lost = proxy.dropReplies((command) => command[1] === 'atxp:oauth:a500')
    const entries = Array.from({ length: 3_000 }, (_, i) => ({ key: `a${i}`, token: `t${i}` }))
    const error = await db.storeTokens(entries).catch((reason: StoreTokensError) => reason)
    if (!(error instanceof StoreTokensError)) throw new Error('all were stored')
    expect(lost.commands).toHaveLength(1)
    expect(new Set(error.failures.map(({ code }) => code))).toEqual(new Set(['OUTCOME_UNKNOWN']))
    expect(error.failures).toContainEqual(expect.objectContaining({ index: 500, key: 'a500' }))
    const unknown = new Set(error.failures.map(({ key }) => key))
    expect(error.stored + unknown.size).toBe(error.attempted)
    const known = entries.slice(0, error.attempted).filter(({ key }) => !unknown.has(key))
    expect(await db.listTokens()).toEqual(expect.arrayContaining(known.map(({ key }) => key)))
    // What is unknown, and what was not tried.
    const rest = entries.filter(({ key }, i) => i >= error.attempted || unknown.has(key))
    expect(await db.storeTokens(rest)).toEqual({ stored: rest.length })
  })

  it('of storeTokens that cannot be sent again is listed as unknown', async () => {
    await reopen({ maxRetriesPerRequest: 0 })
    await db.ping()
    proxy.dropReplies((command) => command[1] === 'atxp:oauth:a0')
    const work = db.storeTokens([{ key: 'a0', token: 'one' }])
    proxy.refuse()
    await expect(work).rejects.toMatchObject({
      name: 'StoreTokensError',
      code: 'OUTCOME_UNKNOWN',
      attempted: 1,
      stored: 0,
      failures: [{ index: 0, key: 'a0', code: 'OUTCOME_UNKNOWN' }],
    })
    await proxy.accept()
  })
})

describe('the order of the calls holds across a reconnect', () => {
  /** The place of a token in its round; before all of them: it is of the round before. */
  function positionOf(token: string | null, round: number): number {
    const [ofRound, position] = (token ?? '').split('/')
    return ofRound === String(round) ? Number(position) : -1
  }

  it('when the connection is cut under many unawaited pairs', async () => {
    for (let round = 0; round < 10; round += 1) {
      const stored: Promise<boolean>[] = []
      const reads: Promise<string | null>[] = []
      for (let i = 0; i < 100; i += 1) {
        stored.push(
          db.storeToken('a', `${round}/${i}`).then(
            () => true,
            () => false,
          ),
        )
        reads.push(db.getToken('a'))
        if (i === 50) proxy.cut()
      }
      const found = await Promise.all(reads)
      const isStored = await Promise.all(stored)
      // A read sees what was stored before it, or something later: never less.
      for (const [i, token] of found.entries()) {
        expect(positionOf(token, round)).toBeGreaterThanOrEqual(isStored.lastIndexOf(true, i))
      }
      await db.storeToken('a', `${round}/end`)
      expect(await inRedis('a')).toBe(`${round}/end`)
    }
    expect(proxy.accepted).toBeGreaterThan(5)
  })

  it('when a read follows a write whose reply is lost', async () => {
    proxy.dropReplies('set')
    const outcome = (call: Promise<unknown>) => call.catch((error: { code: string }) => error.code)
    const write = outcome(db.storeToken('a', 'one'))
    const read = db.getToken('a')
    // It left with the others, behind the write.
    const deletion = outcome(db.deleteToken('a'))
    const last = db.getToken('a')
    expect(await write).toBe('OUTCOME_UNKNOWN')
    expect(await read).toBe('one')
    expect(await deletion).toBe('OUTCOME_UNKNOWN')
    expect(await last).toBe('one')
  })

  it('when calls come while the connection is away', async () => {
    await reopen({ maxRetriesPerRequest: 100, commandTimeout: 5_000 })
    await db.ping()
    const connections = proxy.accepted
    proxy.stall()
    proxy.cut()
    await eventually(() => proxy.accepted > connections)
    const reads: Promise<string | null>[] = []
    for (let i = 0; i < 20; i += 1) {
      void db.storeToken('a', `${i}`)
      reads.push(db.getToken('a'))
      await new Promise((resolve) => setImmediate(resolve))
    }
    proxy.resume()
    expect(await Promise.all(reads)).toEqual(Array.from({ length: 20 }, (_, i) => `${i}`))
  })
})
