import { rmSync } from 'node:fs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { RedisOAuthDatabase, RedisOAuthDatabaseOptions } from '../../../src/index.js'
import { eventually } from '../../support/eventually.js'
import { openDatabase } from '../../support/scene.js'
import { type RedisServer, startRedis } from '../../support/servers/redis-server.js'

// Redis refuses writes, and PING, while it cannot save its data: `stop-writes-on-bgsave-error`.

let server: RedisServer

beforeAll(async () => {
  server = await startRedis()
  await server.cli('SET', 'atxp:oauth:a', 'one')
  // It works there, and root may write everywhere.
  rmSync(server.dir, { recursive: true })
  await server.cli('CONFIG', 'SET', 'save', '3600 1')
  await server.cli('BGSAVE')
  await eventually(async () =>
    (await server.cli<string>('INFO', 'persistence')).includes('rdb_last_bgsave_status:err'),
  )
  await expect(server.cli('PING')).rejects.toThrow(/^MISCONF/)
})

afterAll(() => server?.stop())

function open(options: RedisOAuthDatabaseOptions = {}): RedisOAuthDatabase {
  return openDatabase({ host: server.host, port: server.port, ...options })
}

it('a process that connects while Redis cannot save reads, and is told why it cannot write', async () => {
  const db = open()
  expect(await db.getToken('a')).toBe('one')
  expect(await db.hasToken('b')).toBe(false)
  expect(await db.listTokens()).toEqual(['a'])
  expect(await db.health()).toMatchObject({ nodes: [{ role: 'master' }] })
  const error = await db.storeToken('b', 'two').catch((reason: unknown) => reason)
  expect(error).toMatchObject({ code: 'REDIS_ERROR', message: expect.stringContaining('MISCONF') })
})

it('its near cache keeps the connection on which it hears of changes', async () => {
  const db = open({ cache: true })
  await db.getToken('a')
  const feeds = async (): Promise<string[]> =>
    (await server.cli<string>('CLIENT', 'LIST', 'TYPE', 'pubsub')).match(/^id=\d+/gm) ?? []
  const [first] = await eventually(async () => {
    const ids = await feeds()
    expect(ids).toHaveLength(1)
    return ids
  })
  // Longer than a heartbeat, which is a PING, and what is waited for its answer.
  const startedAt = performance.now()
  await eventually(() => performance.now() - startedAt > 1_500)
  expect(await feeds()).toEqual([first])
})
