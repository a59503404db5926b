import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RedisOAuthDatabase } from '../../../src/index.js'
import { aclRule } from '../../support/servers/acl-rule.js'
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

async function errorsOf(server: RedisServer, prefix = 'ERR'): Promise<number> {
  const stats = await server.cli<string>('INFO', 'errorstats')
  return Number(new RegExp(`errorstat_${prefix}:count=(\\d+)`).exec(stats)?.[1] ?? 0)
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

describe('getTokenExpiry of a user who may not PEXPIRETIME', () => {
  const withUser = (rule: string, work: Parameters<typeof withServer>[1]) =>
    withServer({ users: [{ name: 'alice', password: 'secret', rule }] }, work)

  it('works with the rights that were enough before Redis 7', async () => {
    await withUser(aclRule('atxp:oauth:', 6), async (server, db) => {
      const expiresAt = new Date(Date.now() + HOUR_MS)
      await db.storeToken('expires', 'one', expiresAt)
      const refused = await errorsOf(server, 'NOPERM')
      for (let i = 0; i < 3; i += 1) {
        const expiry = (await db.getTokenExpiry('expires')) as Date
        expect(Math.abs(expiry.getTime() - expiresAt.getTime())).toBeLessThan(100)
      }
      // Where there is no such command it is no matter of rights.
      expect(await errorsOf(server, 'NOPERM')).toBe(refused + (redisMajor() >= 7 ? 1 : 0))
    })
  })

  it('is denied when the user may not use a script either', async () => {
    const rule = redisMajor() >= 7 ? '-pexpiretime -eval' : '-eval'
    await withUser(`~* +@all ${rule}`, async (_server, db) => {
      await db.storeToken('stays', 'one')
      for (let i = 0; i < 2; i += 1) {
        await expect(db.getTokenExpiry('stays')).rejects.toMatchObject({
          code: 'PERMISSION_DENIED',
        })
      }
    })
  })
})

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
