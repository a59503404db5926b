import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { RedisOAuthDatabase, type RedisOAuthDatabaseOptions } from '../../src/index.js'
import { eventually } from '../support/eventually.js'
import { type ClusterServers, startCluster } from '../support/servers/cluster.js'
import { type RedisServer, startRedis } from '../support/servers/redis-server.js'
import { type SentinelGroup, startSentinel } from '../support/servers/sentinel.js'

/** Several steps of a scan, at each server. */
const COUNT = 9_000
/** So many tokens share a slot, so that a slot that moves takes some along. */
const TAGS = 300
const PREFIX = 'atxp:oauth:'
const USER = 'base:0xabc'
const URLS = Array.from({ length: 50 }, (_, i) => `https://server.example/${i}`)
const MOVED_SLOTS = 30

const NAMES = Array.from({ length: COUNT }, (_, i) => `{${i % TAGS}}-${i}`)

const opened: RedisOAuthDatabase[] = []

afterEach(async () => {
  await Promise.all(opened.splice(0).map((db) => db.close()))
})

function open(options: RedisOAuthDatabaseOptions): RedisOAuthDatabase {
  const db = new RedisOAuthDatabase(options)
  opened.push(db)
  return db
}

async function storeAll(db: RedisOAuthDatabase): Promise<void> {
  await db.storeTokens(NAMES.map((key) => ({ key, token: 'token' })))
}

async function storeUser(db: RedisOAuthDatabase): Promise<void> {
  const record = { accessToken: 'access', resourceUrl: '' }
  await Promise.all(URLS.map((url) => db.saveAccessToken(USER, url, record)))
}

/** Scans, and calls `disturb` once when so many keys have come. */
async function scanDisturbed(
  db: RedisOAuthDatabase,
  after: number,
  disturb: () => Promise<unknown>,
): Promise<Set<string>> {
  const found = new Set<string>()
  let isDisturbed = false
  for await (const key of db.scanTokens()) {
    found.add(key)
    if (found.size < after || isDisturbed) continue
    isDisturbed = true
    await disturb()
  }
  expect(isDisturbed).toBe(true)
  return found
}

function expectAll(found: Iterable<string>): void {
  const keys = new Set(found)
  expect(NAMES.filter((name) => !keys.has(name))).toEqual([])
  expect(keys.size).toBe(COUNT)
}

describe('a scan of a server', () => {
  let server: RedisServer

  beforeEach(async () => {
    server = await startRedis()
  })

  afterEach(() => server.stop())

  it.each([1, COUNT / 2, COUNT - 1])('that restarts after %i keys misses none', async (after) => {
    const db = open({ host: server.host, port: server.port, maxRetriesPerRequest: 50 })
    await storeAll(db)
    expectAll(await scanDisturbed(db, after, () => server.restart({ keepData: true })))
  })
})

describe('a scan of a master of Sentinel', () => {
  let group: SentinelGroup

  beforeAll(async () => {
    group = await startSentinel()
  })

  afterAll(() => group?.stop())

  it.each<[string, () => Promise<unknown>]>([
    ['failover', () => group.failover()],
    ['death', () => group.killMaster()],
  ])('that has to go on at another after its %s misses none', async (_, disturb) => {
    const db = open({
      sentinel: { name: group.masterName, nodes: group.addresses },
      commandTimeout: 20_000,
      maxRetriesPerRequest: 1_000,
      durability: { replicas: 2, timeoutMs: 10_000 },
    })
    await storeAll(db)
    expectAll(await scanDisturbed(db, COUNT / 2, disturb))
  })
})

describe('a Cluster', () => {
  let cluster: ClusterServers
  let options: RedisOAuthDatabaseOptions

  beforeAll(async () => {
    cluster = await startCluster()
    const nodes = cluster.nodes.map(({ host, port }) => ({ host, port }))
    options = { cluster: { nodes } }
  })

  afterAll(() => cluster?.stop())

  beforeEach(async () => {
    await cluster.settled()
    const masters = await cluster.masters()
    await Promise.all(masters.map((master) => master.cli('FLUSHALL')))
  })

  /** The slots of some of the tokens that `from` serves. */
  async function slotsAt(from: RedisServer): Promise<number[]> {
    const slots: number[] = []
    for (let tag = 0; tag < TAGS && slots.length < MOVED_SLOTS; tag += 1) {
      const slot = await from.cli<number>('CLUSTER', 'KEYSLOT', `{${tag}}`)
      if ((await cluster.nodeOfSlot(slot)) === from) slots.push(slot)
    }
    return slots
  }

  async function moveSlots(slots: number[], to: RedisServer): Promise<void> {
    expect(slots.length).toBeGreaterThan(0)
    const migrations = await Promise.all(slots.map((slot) => cluster.openMigration(slot, to)))
    await Promise.all(migrations.map((migration) => migration.move()))
    for (const migration of migrations) await migration.finish()
  }

  async function userSlot(): Promise<number> {
    return cluster.cli<number>('CLUSTER', 'KEYSLOT', `{${USER}}`)
  }

  async function keysOfUser(): Promise<string[]> {
    const masters = await cluster.masters()
    const keys = await Promise.all(
      masters.map((master) => master.cli<string[]>('KEYS', `${PREFIX}*{${USER}}*`)),
    )
    return keys.flat()
  }

  it('misses no token when slots move, in whatever direction and at whatever moment of the scan', async () => {
    const db = open(options)
    await storeAll(db)
    for (const after of [1, COUNT / 3, (2 * COUNT) / 3, COUNT - 1]) {
      const masters = await cluster.masters()
      const [first, , last] = masters as [RedisServer, RedisServer, RedisServer]
      const slots = await slotsAt(first)
      expectAll(await scanDisturbed(db, after, () => moveSlots(slots, last)))
      expectAll(await scanDisturbed(db, after, () => moveSlots(slots, first)))
    }
  })

  it('lists every token while slots move all the time', async () => {
    const db = open(options)
    await storeAll(db)
    const masters = await cluster.masters()
    const slots = await Promise.all(masters.map(slotsAt))
    let isMoving = true
    const moving = (async () => {
      // Each slot once, as in a resharding.
      for (const [i, some] of slots.entries()) {
        for (const slot of some) {
          await moveSlots([slot], masters[(i + 1) % masters.length] as RedisServer)
        }
      }
      isMoving = false
    })()
    let lists = 0
    for (; isMoving; lists += 1) expectAll(await db.listTokens())
    await moving
    expect(lists).toBeGreaterThan(5)
  })

  it('lists all of a user whose slot is on its way, and saves and deletes once it has arrived', async () => {
    const db = open(options)
    await storeUser(db)
    const slot = await userSlot()
    const from = await cluster.nodeOfSlot(slot)
    const to = (await cluster.masters()).find((master) => master !== from) as RedisServer
    const migration = await cluster.openMigration(slot, to)
    await migration.move(URLS.length / 2)
    const listed = await db.listAccessTokens(USER)
    expect(new Set(listed.map(({ url }) => url))).toEqual(new Set(URLS))
    // Record and index are two keys, and a command with both is refused while the slot is in two places.
    const saving = open(options).saveAccessToken(USER, 'https://new.example', {
      accessToken: 'new',
      resourceUrl: '',
    })
    await migration.finish()
    await saving
    expect(await db.deleteUser(USER)).toBe(URLS.length + 1)
    expect(await keysOfUser()).toEqual([])
  })

  it('fails to delete a user whose slot does not arrive in time, and deletes nothing', async () => {
    const db = open({ ...options, commandTimeout: 500 })
    await storeUser(db)
    const slot = await userSlot()
    const from = await cluster.nodeOfSlot(slot)
    const to = (await cluster.masters()).find((master) => master !== from) as RedisServer
    const migration = await cluster.openMigration(slot, to)
    await migration.move(URLS.length / 2)
    try {
      await expect(db.deleteUser(USER)).rejects.toMatchObject({ code: 'TIMEOUT', removed: 0 })
    } finally {
      await migration.finish()
    }
    expect(await db.deleteUser(USER)).toBe(URLS.length)
  })

  it('lists and deletes all of a user whose slot has moved while nothing was asked', async () => {
    const db = open(options)
    await storeUser(db)
    const slot = await userSlot()
    const from = await cluster.nodeOfSlot(slot)
    const to = (await cluster.masters()).find((master) => master !== from) as RedisServer
    await cluster.migrateSlot(slot, to)
    expect(await db.listAccessTokens(USER)).toHaveLength(URLS.length)
    await cluster.migrateSlot(slot, from)
    expect(await db.deleteUser(USER)).toBe(URLS.length)
    expect(await keysOfUser()).toEqual([])
  })

  it('lists every token after a master died while nothing was asked', async () => {
    const db = open({ ...options, durability: { replicas: 1, timeoutMs: 10_000 } })
    await storeAll(db)
    const dead = await cluster.killMaster(0)
    await cluster.settled()
    expectAll(await db.listTokens())
    await dead.restart({ keepData: true })
  })

  it('lists nothing rather than a part, while a part is not served', async () => {
    const db = open({ ...options, commandTimeout: 1_000 })
    await storeAll(db)
    const [master] = await cluster.masters()
    const replicas = await cluster.replicasOf(master as RedisServer)
    await Promise.all([master as RedisServer, ...replicas].map((node) => node.kill()))
    await eventually(async () => {
      await expect(db.listTokens()).rejects.toMatchObject({
        code: expect.stringMatching(/^(CLUSTER_DOWN|CONNECTION_REFUSED|CONNECTION_LOST|TIMEOUT)$/),
      })
    })
  })
})
