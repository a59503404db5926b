import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RedisOAuthDatabase } from '../../../src/index.js'
import {
  type RedisServer,
  type RedisServerOptions,
  redisMajor,
  startRedis,
} from '../../support/servers/redis-server.js'

const HOUR_MS = 3_600_000
const ALICE = { username: 'alice', password: 'secret' }

async function withServer(
  options: RedisServerOptions,
  work: (server: RedisServer, db: RedisOAuthDatabase) => Promise<void>,
): Promise<void> {
  const server = await startRedis(options)
  const { host, port } = server
  const db = new RedisOAuthDatabase({ host, port, ...(options.users && ALICE) })
  try {
    await work(server, db)
  } finally {
    await db.close()
    await server.stop()
  }
}

async function errorsOf(server: RedisServer): Promise<number> {
  const stats = await server.cli<string>('INFO', 'errorstats')
  return Number(/errorstat_ERR:count=(\d+)/.exec(stats)?.[1] ?? 0)
}

async function callsOf(server: RedisServer, command: string): Promise<number> {
  const stats = await server.cli<string>('INFO', 'commandstats')
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0)
}

describe('getTokenExpiry on a server before Redis 7, which has no PEXPIRETIME', () => {
  const BEFORE_REDIS_7 = redisMajor() < 7 ? {} : { config: { 'rename-command': 'PEXPIRETIME ""' } }

  it('says the same within milliseconds, and asks for PEXPIRETIME only once', async () => {
    await withServer(BEFORE_REDIS_7, async (server, db) => {
      const expiresAt = new Date(Date.now() + HOUR_MS + 123)
      await db.storeToken('expires', 'one', expiresAt)
      await db.storeToken('stays', 'one')
      const before = await errorsOf(server)
      for (let i = 0; i < 3; i += 1) {
        // Such a server says only how long is left, and its clock goes on.
        const expiry = (await db.getTokenExpiry('expires')) as Date
        expect(expiry.getTime()).toBeGreaterThanOrEqual(expiresAt.getTime())
        expect(expiry.getTime()).toBeLessThan(expiresAt.getTime() + 100)
        expect(await db.getTokenExpiry('stays')).toBe('never')
        expect(await db.getTokenExpiry('nobody')).toBeNull()
      }
      expect(await errorsOf(server)).toBe(before + 1)
    })
  })

  it('says it to several calls at once', async () => {
    await withServer(BEFORE_REDIS_7, async (_server, db) => {
      await db.storeToken('stays', 'one')
      const calls = Array.from({ length: 20 }, () => db.getTokenExpiry('stays'))
      expect(await Promise.all(calls)).toEqual(calls.map(() => 'never'))
    })
  })

  it('is waited for by close, though it takes two round trips', async () => {
    await withServer(BEFORE_REDIS_7, async (_server, db) => {
      await db.storeToken('stays', 'one')
      const expiry = db.getTokenExpiry('stays')
      await db.close()
      expect(await expiry).toBe('never')
    })
  })
})

it.runIf(redisMajor() >= 7)(
  'getTokenExpiry is denied, not answered otherwise, where the user may not PEXPIRETIME',
  async () => {
    const users = [{ name: 'alice', password: 'secret', rule: '~* +@all -pexpiretime' }]
    await withServer({ users }, async (server, db) => {
      await db.storeToken('stays', 'one')
      for (let i = 0; i < 2; i += 1) {
        await expect(db.getTokenExpiry('stays')).rejects.toMatchObject({
          code: 'PERMISSION_DENIED',
        })
      }
      expect(await callsOf(server, 'eval')).toBe(0)
    })
  },
)

describe('an expiry', () => {
  let server: RedisServer
  let db: RedisOAuthDatabase

  beforeAll(async () => {
    server = await startRedis()
    db = new RedisOAuthDatabase({ host: server.host, port: server.port })
  })

  afterAll(async () => {
    await db.close()
    await server.stop()
  })

  it('as far away as a Date can be is kept', async () => {
    const expiresAt = new Date(8.64e15)
    await db.storeToken('user_123', 'one', expiresAt)
    expect(await db.getToken('user_123')).toBe('one')
    expect(await db.getTokenExpiry('user_123')).toEqual(expiresAt)
  })

  it('and its token are stored by one command, so that no token is ever without its expiry', async () => {
    await server.cli('CONFIG', 'RESETSTAT')
    await db.storeToken('user_123', 'one', new Date(Date.now() + HOUR_MS))
    expect(await callsOf(server, 'set')).toBe(1)
    for (const command of ['pexpire', 'pexpireat', 'expire', 'multi', 'eval']) {
      expect(await callsOf(server, command)).toBe(0)
    }
  })
})
