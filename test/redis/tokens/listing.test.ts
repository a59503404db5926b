import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { RedisOAuthDatabase } from '../../../src/index.js'
import { type RedisServer, startRedis } from '../../support/servers/redis-server.js'

const COUNT = 20_000

describe('listing tokens', () => {
  let server: RedisServer

  beforeAll(async () => {
    server = await startRedis()
  })

  afterAll(async () => {
    await server.stop()
  })

  beforeEach(async () => {
    await server.cli('FLUSHALL')
    await server.cli('CONFIG', 'RESETSTAT')
  })

  async function fill(names: Iterable<string>): Promise<void> {
    const pairs = [...names].flatMap((name) => [name, 'value'])
    for (let i = 0; i < pairs.length; i += 10_000) {
      await server.cli('MSET', ...pairs.slice(i, i + 10_000))
    }
  }

  function range(prefix: string, count: number): string[] {
    return Array.from({ length: count }, (_, i) => `${prefix}${i}`)
  }

  async function callsOf(command: string): Promise<number> {
    const stats = await server.cli<string>('INFO', 'commandstats')
    return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0)
  }

  async function using<T>(
    keyPrefix: string,
    work: (db: RedisOAuthDatabase) => Promise<T>,
  ): Promise<T> {
    const db = new RedisOAuthDatabase({ host: server.host, port: server.port, keyPrefix })
    try {
      return await work(db)
    } finally {
      await db.close()
    }
  }

  it('finds each of many tokens once among as many strangers, by SCAN and never by KEYS', async () => {
    await fill(range('atxp:oauth:user_', COUNT))
    await fill(range('session:', COUNT))
    await using('atxp:oauth:', async (db) => {
      const keys = await db.listTokens()
      expect(keys).toHaveLength(COUNT)
      expect(new Set(keys)).toEqual(new Set(range('user_', COUNT)))
      expect(await db.getToken(keys[0] as string)).toBe('value')
    })
    expect(await callsOf('keys')).toBe(0)
    expect(await callsOf('scan')).toBeLessThan((2 * COUNT) / 1_000 + 20)
  })

  it('finds no token where there are only strangers', async () => {
    await fill(range('session:', 5_000))
    await using('atxp:oauth:', async (db) => {
      expect(await db.listTokens()).toEqual([])
      for await (const key of db.scanTokens()) expect.fail(`there is no ${key}`)
    })
  })

  it('lists a token that is there all along once, while Redis grows and shrinks its table', async () => {
    await fill(range('atxp:oauth:user_', 3_000))
    const strangers = range('session:', 40_000)
    await using('atxp:oauth:', async (db) => {
      let isDone = false
      const others = (async () => {
        while (!isDone) {
          await fill(strangers)
          for (let i = 0; i < strangers.length; i += 10_000) {
            await server.cli('DEL', ...strangers.slice(i, i + 10_000))
          }
        }
      })()
      for (let i = 0; i < 6; i += 1) {
        const keys = await db.listTokens()
        expect(keys).toHaveLength(3_000)
        expect(new Set(keys).size).toBe(3_000)
      }
      isDone = true
      await others
    })
  })

  it.each(['a*b:', 'a?b:', 'a[bc]:', 'a[^b]:', 'a\\b:', '\\*:', '[]:', '*', '{fleet}:', 'é💡 \n:'])(
    'takes the prefix %j as it is',
    async (keyPrefix) => {
      const strangers = ['aXb:1', 'ab:1', 'ac:1', 'a[bc:1', 'aab:1', 'b:1', 'a\\\\b:1', ':1', 'X:1']
      await fill(strangers)
      await using(keyPrefix, async (db) => {
        await db.storeToken('user_123', 'one')
        await db.storeToken('*', 'two')
        expect((await db.listTokens()).sort()).toEqual(['*', 'user_123'])
      })
      expect(await server.cli('GET', `${keyPrefix}user_123`)).toBe('one')
    },
  )

  it('without a prefix lists all strings of the database', async () => {
    await fill(['a', 'b'])
    expect((await using('', (db) => db.listTokens())).sort()).toEqual(['a', 'b'])
  })

  it('lists the tokens of its database number only', async () => {
    await fill(['atxp:oauth:a'])
    const db = new RedisOAuthDatabase({ host: server.host, port: server.port, db: 5 })
    await db.storeToken('b', 'one')
    expect(await db.listTokens()).toEqual(['b'])
    await db.close()
  })

  it('scans one step further than it is asked, and no more', async () => {
    await fill(range('atxp:oauth:user_', COUNT))
    await using('atxp:oauth:', async (db) => {
      const found: string[] = []
      for await (const key of db.scanTokens()) {
        found.push(key)
        if (found.length === 3) break
      }
      expect(found).toHaveLength(3)
      expect(await callsOf('scan')).toBe(2)

      const scan = db.scanTokens()
      expect(await callsOf('scan')).toBe(2)
      await scan.next()
      expect(await callsOf('scan')).toBe(4)
    })
  })

  it('deletes every token while it scans them', async () => {
    await fill(range('atxp:oauth:user_', COUNT))
    await using('atxp:oauth:', async (db) => {
      for await (const key of db.scanTokens()) void db.deleteToken(key)
      expect(await db.listTokens()).toEqual([])
    })
  })
})
