import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import type { RedisOAuthDatabase, RedisOAuthDatabaseOptions } from '../../../src/index.js'
import { eventually } from '../../support/eventually.js'
import { openDatabase, startServer } from '../../support/scene.js'
import { bareClient } from '../../support/servers/bare-client.js'
import type { RedisServer } from '../../support/servers/redis-server.js'

const MAX_KEYS = 128
const PREFIX = 'atxp:oauth:'
const KEYS = Array.from({ length: 300 }, (_, i) => `key_${i}`)

const textOf = (key: string) => `value of ${key}`

let server: RedisServer
let db: RedisOAuthDatabase

beforeEach(async () => {
  server = await startServer()
  db = open()
})

function open(options: RedisOAuthDatabaseOptions = {}): RedisOAuthDatabase {
  const { host, port } = server
  return openDatabase({ host, port, ...options })
}

/** Stores all of `KEYS`. */
async function fill(into: RedisOAuthDatabase = db): Promise<void> {
  await Promise.all(KEYS.map((key) => into.storeToken(key, textOf(key))))
}

/** So many calls under way that of the next ones as many leave together as may. */
const beBusy = (): Promise<unknown> =>
  Promise.all(Array.from({ length: 4 * MAX_KEYS }, (_, i) => db.hasToken(`busy_${i}`)))

/** What Redis was sent while `act` ran, command by command. */
async function sentBy(act: () => Promise<unknown>): Promise<string[][]> {
  const client = bareClient({ host: server.host, port: server.port })
  // Its own INFO must not be what comes right behind the answer to MONITOR: ioredis takes that for a reply.
  await client.ping()
  const monitor = await client.monitor()
  onTestFinished(() => monitor.disconnect())
  const commands: string[][] = []
  monitor.on('monitor', (_time: string, args: string[]) => commands.push(args))
  await act()
  await server.cli('ECHO', 'the end')
  await eventually(() => commands.some((args) => args[1] === 'the end'))
  return commands
    .filter(([, argument]) => argument?.startsWith(PREFIX) && !argument.includes('busy_'))
    .map(([name = '', ...args]) => [name.toLowerCase(), ...args])
}

describe('reads of one turn', () => {
  it(`leave in commands of at most ${MAX_KEYS} keys`, async () => {
    await fill()
    const sent = await sentBy(async () => {
      void beBusy()
      expect(await Promise.all(KEYS.map((key) => db.getToken(key)))).toEqual(KEYS.map(textOf))
    })
    expect(sent.length).toBe(Math.ceil(KEYS.length / MAX_KEYS))
    for (const [, ...keys] of sent) expect(keys.length).toBeLessThanOrEqual(MAX_KEYS)
    expect(sent.flatMap(([, ...keys]) => keys)).toEqual(KEYS.map((key) => PREFIX + key))
  })

  it('may be of equal keys', async () => {
    await fill()
    const keys = ['key_1', 'key_2', 'key_1', 'key_3', 'key_2', 'key_1']
    const sent = await sentBy(async () => {
      void beBusy()
      const reads = keys.map((key) => db.getToken(key))
      expect(await Promise.all(reads)).toEqual(keys.map(textOf))
    })
    expect(sent).toEqual([['mget', ...keys.map((key) => PREFIX + key)]])
  })

  it('of all kinds leave together', async () => {
    await db.storeToken('a', 'one')
    const sent = await sentBy(async () => {
      void beBusy()
      await Promise.all([
        db.getToken('a'),
        db.getToken('b'),
        db.getAccessToken('user', 'url'),
        db.getClientCredentials('server'),
      ])
    })
    expect(sent.filter(([name]) => name === 'mget')).toHaveLength(1)
  })

  it('and writes take few packets', async () => {
    await db.ping()
    const packets = async () => {
      const stats = await server.cli<string>('INFO', 'stats')
      return Number(/total_reads_processed:(\d+)/.exec(stats)?.[1])
    }
    const before = await packets()
    await fill()
    const written = await packets()
    await Promise.all(KEYS.map((key) => db.getToken(key)))
    const read = await packets()
    // The first nine leave at once, and then ever more together.
    expect(written - before).toBeLessThan(30)
    expect(read - written).toBeLessThan(10)
  })

  it('leave at once, and as a GET each, while few are under way', async () => {
    await fill(open())
    const keys = KEYS.slice(0, 9)
    const sent = await sentBy(() => Promise.all(keys.map((key) => db.getToken(key))))
    expect(sent).toEqual(keys.map((key) => ['get', PREFIX + key]))
  })

  it('leave in their order while ever more are under way: at once, a few together, and as MGETs', async () => {
    await fill(open())
    const sent = await sentBy(() => Promise.all(KEYS.map((key) => db.getToken(key))))
    expect(sent.flatMap(([, ...keys]) => keys)).toEqual(KEYS.map((key) => PREFIX + key))
    expect(new Set(sent.map(([name]) => name))).toEqual(new Set(['get', 'mget']))
  })

  it('one at a time are a GET each', async () => {
    await fill()
    const sent = await sentBy(async () => {
      for (const key of KEYS.slice(0, 5)) expect(await db.getToken(key)).toBe(textOf(key))
    })
    expect(sent).toEqual(KEYS.slice(0, 5).map((key) => ['get', PREFIX + key]))
  })
})

describe('the order of the calls is kept:', () => {
  it('Redis is sent reads and writes as they were called', async () => {
    const sent = await sentBy(() => {
      void beBusy()
      return Promise.all([
        db.getToken('a'),
        db.getToken('b'),
        db.getToken('c'),
        db.storeToken('a', 'one'),
        db.getToken('a'),
        db.getToken('b'),
        db.deleteToken('a'),
        db.getToken('a'),
      ])
    })
    const keys = (...names: string[]) => names.map((name) => PREFIX + name)
    expect(sent.filter(([name]) => name !== 'exists')).toEqual([
      ['mget', ...keys('a', 'b', 'c')],
      ['set', ...keys('a'), 'one'],
      ['mget', ...keys('a', 'b')],
      ['del', ...keys('a')],
      ['get', ...keys('a')],
    ])
  })

  type Call = { name: 'get' | 'set' | 'del'; key: string } | { name: 'rest' }

  const key = fc.constantFrom('a', 'b', 'c', 'd')
  const call: fc.Arbitrary<Call> = fc.oneof(
    { weight: 4, arbitrary: fc.record({ name: fc.constant('get' as const), key }) },
    {
      weight: 3,
      arbitrary: fc.record({ name: fc.constantFrom('set' as const, 'del' as const), key }),
    },
    { weight: 1, arbitrary: fc.record({ name: fc.constant('rest' as const) }) },
  )

  /** Calls of which none is awaited, and what each read has to find. */
  class Calls {
    readonly #standing = new Map<string, string>()
    readonly #found: Promise<unknown>[] = []
    readonly #expected: (string | null)[] = []
    readonly #writes: Promise<unknown>[] = []

    async make(one: Call): Promise<void> {
      if (one.name === 'rest') await new Promise(setImmediate)
      else if (one.name === 'get') this.#get(one.key)
      else if (one.name === 'set') this.#set(one.key)
      else {
        this.#writes.push(db.deleteToken(one.key))
        this.#standing.delete(one.key)
      }
    }

    #get(of: string): void {
      this.#found.push(db.getToken(of))
      this.#expected.push(this.#standing.get(of) ?? null)
    }

    #set(of: string): void {
      const token = `${of}${this.#writes.length}`
      this.#writes.push(db.storeToken(of, token))
      this.#standing.set(of, token)
    }

    async check(): Promise<void> {
      expect(await Promise.all(this.#found)).toEqual(this.#expected)
      await Promise.all(this.#writes)
    }
  }

  it.each([
    ['plain', () => ({})],
    ['sealed', () => ({ encryption: { keys: [{ id: 'k', key: randomBytes(32) }] } })],
    ['remembered', () => ({ cache: true })],
  ])(
    'a read sees what was written before it, awaited or not, and nothing of later: %s',
    async (_, options) => {
      db = open(options())
      await fc.assert(
        fc.asyncProperty(fc.array(call, { maxLength: 100 }), async (list) => {
          await db.deleteTokens(['a', 'b', 'c', 'd'])
          const calls = new Calls()
          // Not in a microtask of its own each, so that many are called in one turn.
          for (const one of list) {
            if (one.name === 'rest') await calls.make(one)
            else void calls.make(one)
          }
          await calls.check()
        }),
        { numRuns: 200 },
      )
    },
  )
})

describe('an error within a batch is that of who asked:', () => {
  it('a key of another type', async () => {
    await db.storeToken('a', 'one')
    await server.cli('LPUSH', `${PREFIX}list`, 'one')
    await db.ping()
    const reads = ['absent', 'list', 'a'].map((key) => db.getToken(key))
    const [absent, list, a] = await Promise.allSettled(reads)
    expect(absent).toEqual({ status: 'fulfilled', value: null })
    expect(list).toMatchObject({ status: 'rejected', reason: { code: 'WRONG_TYPE' } })
    expect(a).toEqual({ status: 'fulfilled', value: 'one' })
  })

  it('a user who may GET and not MGET reads all the same, and is refused MGETs of one turn alone', async () => {
    await fill()
    const lesser = openFor('+get +exists +ping')
    const refused = async () => {
      expect(await Promise.all(KEYS.map((key) => lesser.getToken(key)))).toEqual(KEYS.map(textOf))
      const stats = await server.cli<string>('INFO', 'commandstats')
      return Number(/cmdstat_mget:.*rejected_calls=(\d+)/.exec(stats)?.[1])
    }
    // Those of the first turn leave before the first refusal is known.
    const first = await refused()
    expect(first).toBeGreaterThan(0)
    expect(await refused()).toBe(first)
  })

  it('a key that the user may not read', async () => {
    await fill()
    const lesser = openFor('+get +mget +exists +ping', `~${PREFIX}key_1*`)
    const reads = ['key_1', 'key_2', 'key_10', 'key_3'].map((key) => lesser.getToken(key))
    const results = await Promise.allSettled(reads)
    expect(
      results.map((one) => (one.status === 'fulfilled' ? one.value : one.reason.code)),
    ).toEqual(['value of key_1', 'PERMISSION_DENIED', 'value of key_10', 'PERMISSION_DENIED'])
  })

  it('each caller gets an error of its own when the server is gone', async () => {
    await fill()
    await server.kill()
    const results = await Promise.allSettled(KEYS.map((key) => db.getToken(key)))
    const reasons = results.map((one) => (one as PromiseRejectedResult).reason)
    expect(new Set(reasons).size).toBe(KEYS.length)
    for (const { code } of reasons) expect(code).toMatch(/^CONNECTION_(REFUSED|LOST)$/)
  })

  function openFor(rule: string, keys = '~*'): RedisOAuthDatabase {
    const username = 'lesser'
    const opened = open({ username, password: 'secret' })
    // Sent first, and over its own connection: whoever is opened connects with the first call.
    const creating = server.cli(
      'ACL',
      'SETUSER',
      username,
      ...`reset on >secret ${keys} -@all ${rule}`.split(' '),
    )
    onTestFinished(() => creating.then(() => undefined))
    return opened
  }
})

describe('a connection that is cut in the middle of batches', () => {
  it('again and again leaves no read unanswered, wrong or mixed up', async () => {
    db = open({ maxRetriesPerRequest: 1_000, commandTimeout: 10_000 })
    await fill()
    let isRunning = true
    let rounds = 0
    const wrong: unknown[] = []
    const round = async (chain: number): Promise<void> => {
      const own = `own_${chain}`
      for (let i = 0; isRunning; i += 1) {
        const expected = [String(i), ...KEYS.map(textOf), null]
        const write = db.storeToken(own, String(i)).catch(() => 'unknown')
        const found = await Promise.all([
          db.getToken(own),
          ...KEYS.map((key) => db.getToken(key)),
          db.getToken('absent'),
        ])
        if ((await write) === 'unknown') found[0] = String(i)
        if (JSON.stringify(found) !== JSON.stringify(expected)) wrong.push({ chain, i, found })
        rounds += 1
      }
    }
    const chains = Promise.all(Array.from({ length: 8 }, (_, chain) => round(chain)))
    for (let i = 0; i < 40; i += 1) {
      const before = rounds
      await eventually(() => rounds > before + 8)
      await server.cli('CLIENT', 'KILL', 'TYPE', 'normal')
    }
    isRunning = false
    await chains
    expect(wrong).toEqual([])
  }, 60_000)
})

describe('close', () => {
  it('answers the reads that were called right before, and fails those after', async () => {
    await fill()
    const reads = KEYS.map((key) => db.getToken(key))
    const closing = db.close()
    const late = expect(db.getToken('a')).rejects.toMatchObject({ code: 'CLOSED' })
    expect(await Promise.all(reads)).toEqual(KEYS.map(textOf))
    await late
    await closing
  })

  it('lets go of the socket of a borrowed client, with all that was written to it', async () => {
    const client = new Redis({ host: server.host, port: server.port })
    onTestFinished(() => client.disconnect())
    const borrowing = openDatabase({ client })
    const writing = Promise.all(KEYS.map((key) => borrowing.storeToken(key, textOf(key))))
    const reads = KEYS.map((key) => borrowing.getToken(key))
    const closing = borrowing.close()
    await writing
    expect(await Promise.all(reads)).toEqual(KEYS.map(textOf))
    await closing
    expect(client.stream.writableCorked).toBe(0)
    expect(await client.ping()).toBe('PONG')
  })
})
