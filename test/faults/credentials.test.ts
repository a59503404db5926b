import { inspect } from 'node:util'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  RedisOAuthDatabase,
  RedisOAuthDatabaseError,
  type RedisOAuthDatabaseOptions,
} from '../../src/index.js'
import { eventually } from '../support/eventually.js'
import { type ClusterServers, startCluster } from '../support/servers/cluster.js'
import type { RedisServer } from '../support/servers/redis-server.js'
import { startRedis } from '../support/servers/redis-server.js'
import { type SentinelGroup, startSentinel } from '../support/servers/sentinel.js'

type Credentials = { username?: string; password: string }

const USER = 'alice'
const SECRET = 'secret-of-the-provider'
/** Of the default user, by which replicas follow their master. */
const PASSWORD = 'data-password'

/** Where the tests log in, alike for each topology. */
interface Place {
  options: RedisOAuthDatabaseOptions
  /** Those that the user may log in to. */
  servers: RedisServer[]
  stop(): Promise<unknown>
}

const PLACES: [string, () => Promise<Place>][] = [
  [
    'a server',
    async () => {
      const server = await startRedis()
      const { host, port } = server
      return { options: { host, port }, servers: [server], stop: () => server.stop() }
    },
  ],
  [
    'a master of Sentinel',
    async () => {
      const group: SentinelGroup = await startSentinel({ password: PASSWORD })
      const sentinel = { name: group.masterName, nodes: group.addresses }
      return { options: { sentinel }, servers: group.nodes, stop: () => group.stop() }
    },
  ],
  [
    'a Cluster',
    async () => {
      const cluster: ClusterServers = await startCluster({ requirepass: PASSWORD })
      const nodes = cluster.nodes.map(({ host, port }) => ({ host, port }))
      return { options: { cluster: { nodes } }, servers: cluster.nodes, stop: () => cluster.stop() }
    },
  ],
]

describe.each(PLACES)('credentials for %s', (_, start) => {
  let place: Place
  let current: Credentials
  let asked: number
  const opened: RedisOAuthDatabase[] = []

  beforeAll(async () => {
    place = await start()
  })

  afterAll(() => place?.stop())

  beforeEach(async () => {
    asked = 0
    await rotate('first')
  })

  afterEach(async () => {
    await Promise.all(opened.splice(0).map((db) => db.close()))
  })

  const everywhere = (command: string, ...args: string[]) =>
    Promise.all(place.servers.map((server) => server.cli(command, ...args)))

  /** Changes the password at every server. Whoever is in stays in. */
  async function rotate(password: string, username = USER): Promise<void> {
    await everywhere(
      'ACL',
      'SETUSER',
      username,
      'on',
      'resetpass',
      `>${password}`,
      '~*',
      '&*',
      '+@all',
    )
    current = { username, password }
  }

  const kill = (username = USER) => everywhere('CLIENT', 'KILL', 'USER', username)

  function open(
    options: RedisOAuthDatabaseOptions = {},
    credentials: () => Credentials | Promise<Credentials> = () => current,
  ): RedisOAuthDatabase {
    const db = new RedisOAuthDatabase({
      ...place.options,
      ...options,
      credentials: () => {
        asked += 1
        return credentials()
      },
    })
    opened.push(db)
    return db
  }

  /** Some keys for every server. */
  const names = Array.from({ length: 20 }, (__, i) => `key-${i}`)
  const storeAll = (db: RedisOAuthDatabase) =>
    Promise.all(names.map((name) => db.storeToken(name, name)))
  const readAll = async (db: RedisOAuthDatabase) => {
    expect(await Promise.all(names.map((name) => db.getToken(name)))).toEqual(names)
  }

  async function expectUnavailable(work: Promise<unknown>): Promise<void> {
    const error = await work.then(
      () => undefined,
      (reason: Error & { code: string }) => reason,
    )
    expect(error?.code).toBe('CREDENTIALS_UNAVAILABLE')
    expect(error?.message).toContain('credentials')
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(SECRET)
  }

  it('are those of now when a connection is lost', async () => {
    const db = open()
    await storeAll(db)
    for (const password of ['second', 'third']) {
      const before = asked
      await rotate(password)
      await kill()
      await readAll(db)
      expect(asked).toBeGreaterThan(before)
    }
  })

  it('may be of another user from now on', async () => {
    const db = open()
    await storeAll(db)
    await rotate('of-bob', 'bob')
    await everywhere('ACL', 'DELUSER', USER)
    await readAll(db)
  })

  it.each<[string, RedisOAuthDatabaseOptions, () => Promise<Credentials>]>([
    ['throw', {}, () => Promise.reject(new Error(SECRET))],
    [
      'throw an error of another database',
      {},
      () => Promise.reject(new RedisOAuthDatabaseError('TIMEOUT', SECRET)),
    ],
    ['never come', { connectionTimeout: 200 }, () => new Promise(() => undefined)],
    ['have no password', {}, async () => ({ token: SECRET }) as never],
    ['are none', {}, async () => undefined as never],
  ])('that %s are told, and all is well once they come', async (__, options, broken) => {
    let isBroken = true
    const db = open(options, () => (isBroken ? broken() : current))
    await expectUnavailable(db.storeToken('a', 'token'))
    await expectUnavailable(db.getToken('a'))
    isBroken = false
    await eventually(() => db.ping())
    await storeAll(db)
  })

  it('that fail are told when a connection is lost, and all is well once they come', async () => {
    let isBroken = false
    const db = open({}, () => (isBroken ? Promise.reject(new Error(SECRET)) : current))
    await storeAll(db)
    isBroken = true
    await kill()
    await expectUnavailable(db.getToken('a'))
    await expectUnavailable(db.storeToken('a', 'token'))
    isBroken = false
    await eventually(() => readAll(db))
  })

  it('that are wrong are refused', async () => {
    const db = open({}, () => ({ username: USER, password: SECRET }))
    const error = await db.ping().catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'AUTHENTICATION_FAILED' })
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(SECRET)
  })

  it('that are waited for hold up no close(), and no connection comes of them', async () => {
    let give = (_credentials: Credentials): void => undefined
    const late = new Promise<Credentials>((resolve) => {
      give = resolve
    })
    const db = open({ connectionTimeout: 300 }, () => late)
    await expect(db.ping()).rejects.toMatchObject({ code: 'CREDENTIALS_UNAVAILABLE' })
    await db.close()
    give(current)
    await late
    for (let i = 0; i < 5; i += 1) expect(await clients()).toEqual([])
  })

  /** Those of the databases. */
  async function clients(): Promise<string[]> {
    const lists = await Promise.all(
      place.servers.map((server) => server.cli<string>('CLIENT', 'LIST', 'TYPE', 'normal')),
    )
    return lists
      .flatMap((list) => list.split('\n'))
      .filter((line) => line.includes(`user=${USER} `))
  }

  it('are those of now for whoever listens as well', async () => {
    const [one, other] = [open(), open()]
    await takeTurns(one, other)
    await rotate('second')
    await kill()
    await takeTurns(one, other)
  })

  it('that are wrong by now are not tried over and over by whoever listens', async () => {
    const stale = { ...current }
    const [one, other] = [open({}, () => stale), open({}, () => stale)]
    await takeTurns(one, other)
    await rotate('second')
    const before = await connectionsMade()
    await everywhere('CLIENT', 'KILL', 'TYPE', 'pubsub')
    const ofAnother = await connectAgainAndAgain(20)
    expect((await connectionsMade()) - before).toBeLessThan(20 + ofAnother)
  })

  /** What trying over and over looks like: a client that connects every 50 ms. Gives how often it did. */
  async function connectAgainAndAgain(times: number): Promise<number> {
    const [server] = place.servers
    const client = new Redis({
      host: server?.host ?? '',
      port: server?.port ?? 0,
      ...current,
      enableReadyCheck: false,
      retryStrategy: () => 50,
    })
    let made = 0
    client.on('error', () => undefined)
    client.on('ready', () => {
      made += 1
      client.disconnect(made < times)
    })
    await eventually(() => made === times, { withinMs: 20_000 })
    return made
  }

  async function connectionsMade(): Promise<number> {
    const infos = await Promise.all(
      place.servers.map((server) => server.cli<string>('INFO', 'stats')),
    )
    return infos
      .map((info) => Number(/total_connections_received:(\d+)/.exec(info)?.[1]))
      .reduce((sum, count) => sum + count)
  }

  /** One waits for the other's turn to end, and listens meanwhile. */
  async function takeTurns(one: RedisOAuthDatabase, other: RedisOAuthDatabase): Promise<void> {
    let end = (): void => undefined
    const ended = new Promise<void>((resolve) => {
      end = resolve
    })
    let begin = (): void => undefined
    const begun = new Promise<void>((resolve) => {
      begin = resolve
    })
    const options = { recheck: async () => undefined }
    const work = () => {
      begin()
      return ended
    }
    const first = one.singleFlight('turn', work, options)
    await begun
    const second = other.singleFlight('turn', async () => 'done', options)
    await eventually(async () => (await listeners()) > 0)
    end()
    await first
    expect(await second).toBe('done')
  }

  async function listeners(): Promise<number> {
    const channels = await Promise.all(
      place.servers.map((server) => server.cli<string[]>('PUBSUB', 'CHANNELS', 'atxp:oauth:*')),
    )
    return channels.flat().length
  }
})

describe('credentials and durability', () => {
  let group: SentinelGroup

  beforeAll(async () => {
    group = await startSentinel({ password: PASSWORD })
  })

  afterAll(() => group?.stop())

  it('are those of now for the connection on which replicas are waited for', async () => {
    let current = { username: USER, password: 'first' }
    const setPassword = (password: string) =>
      Promise.all(
        group.nodes.map((node) =>
          node.cli('ACL', 'SETUSER', USER, 'on', 'resetpass', `>${password}`, '~*', '&*', '+@all'),
        ),
      )
    await setPassword('first')
    const db = new RedisOAuthDatabase({
      sentinel: { name: group.masterName, nodes: group.addresses },
      credentials: () => current,
      durability: { replicas: 1, timeoutMs: 1_000 },
    })
    await db.ping()
    await setPassword('second')
    current = { username: USER, password: 'second' }
    await db.storeToken('a', 'token')
    await db.close()
  })
})
