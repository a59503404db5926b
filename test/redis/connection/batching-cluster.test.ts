import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { RedisOAuthDatabase } from '../../../src/index.js'
import { openDatabase } from '../../support/scene.js'
import { type ClusterServers, startCluster } from '../../support/servers/cluster.js'
import type { RedisServer } from '../../support/servers/redis-server.js'

const MAX_KEYS = 128
const PREFIX = 'atxp:oauth:'
const KEYS = Array.from({ length: 300 }, (_, i) => `key_${i}`)

const textOf = (key: string) => `value of ${key}`

let servers: ClusterServers
let db: RedisOAuthDatabase

beforeAll(async () => {
  servers = await startCluster()
})

afterAll(() => servers.stop())

beforeEach(async () => {
  db = openDatabase({
    cluster: { nodes: servers.nodes.map(({ host, port }) => ({ host, port })) },
  })
  await Promise.all(KEYS.map((key) => db.storeToken(key, textOf(key))))
})

const urls = KEYS.map((key) => `https://mcp.example/${key}`)
const save = (user: string) =>
  Promise.all(
    urls.map((url) => db.saveAccessToken(user, url, { accessToken: url, resourceUrl: url })),
  )
const readAll = async (user: string) => {
  const found = await Promise.all(urls.map((url) => db.getAccessToken(user, url)))
  expect(found.map((token) => token?.accessToken)).toEqual(urls)
}

it('reads of many slots in one turn are all right', async () => {
  for (let i = 0; i < 5; i += 1) {
    expect(await Promise.all(KEYS.map((key) => db.getToken(key)))).toEqual(KEYS.map(textOf))
  }
})

it('the records of one user, which share a slot, leave together', async () => {
  await save('user')
  const mgets = async () => {
    const all = await Promise.all(
      (await servers.masters()).map((node) => node.cli<string>('INFO', 'commandstats')),
    )
    return all.reduce(
      (sum, text) => sum + Number(/cmdstat_mget:calls=(\d+)/.exec(text)?.[1] ?? 0),
      0,
    )
  }
  const before = await mgets()
  // So many calls under way that of the next ones as many leave together as may.
  for (let i = 0; i < 4 * MAX_KEYS; i += 1) void db.hasToken(`busy_${i}`)
  await readAll('user')
  expect((await mgets()) - before).toBe(Math.ceil(urls.length / MAX_KEYS))
})

it('reads are right while the slot of a user is on its way, and after', async () => {
  await save('wanderer')
  const slot = Number(await servers.cli('CLUSTER', 'KEYSLOT', `${PREFIX}~access:{wanderer}:`))
  const owner = await servers.nodeOfSlot(slot)
  const to = (await servers.masters()).find((node) => node !== owner) as RedisServer
  const migration = await servers.openMigration(slot, to)
  await migration.move(urls.length / 2)
  const reading = readAll('wanderer')
  // An MGET of keys on both sides is told to try again until they are on one.
  await migration.finish()
  await reading
  await readAll('wanderer')
})
