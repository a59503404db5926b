import { Cluster } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest'
import { RedisOAuthDatabase } from '../../../src/index.js'
import {
  type ClusterServers,
  type SlotMigration,
  startCluster,
} from '../../support/servers/cluster.js'
import type { RedisServer } from '../../support/servers/redis-server.js'

let servers: ClusterServers
let client: Cluster
let db: RedisOAuthDatabase

beforeAll(async () => {
  servers = await startCluster()
})

afterAll(async () => {
  await servers.stop()
})

beforeEach(async () => {
  client = new Cluster(servers.nodes.map(({ host, port }) => ({ host, port })))
  client.on('error', () => undefined)
  db = new RedisOAuthDatabase({ client })
  await db.ping()
})

afterEach(async () => {
  await db.close()
  client.disconnect()
})

/** Moves the slot of a token to another master, without a word to the client. */
async function move(key: string): Promise<void> {
  const slot = Number(await servers.cli('CLUSTER', 'KEYSLOT', `atxp:oauth:${key}`))
  const owner = await servers.nodeOfSlot(slot)
  const other = (await servers.masters()).find((node) => node !== owner)
  await servers.migrateSlot(slot, other as RedisServer)
}

it('says false of a token that is not there, also when its slot has moved and the command is redirected', async () => {
  expect(await db.deleteToken('absent')).toBe(false)
  await move('absent')
  expect(await db.deleteToken('absent')).toBe(false)
})

it('says true of a token that is there, also when its slot has moved', async () => {
  await db.storeToken('present', 'one')
  await move('present')
  expect(await db.deleteToken('present')).toBe(true)
})

it('stores, reads and lists tokens whose slot has moved', async () => {
  const keys = Array.from({ length: 100 }, (_, i) => `key_${i}`).sort()
  await Promise.all(keys.map((key) => db.storeToken(key, `token of ${key}`)))
  await move('key_7')
  await db.storeToken('key_7', 'new')
  expect(await db.getToken('key_7')).toBe('new')
  expect((await db.listTokens()).sort()).toEqual(keys)
  expect(await db.getTokens(keys)).toHaveProperty('size', keys.length)
  expect(await db.deleteTokens(keys)).toBe(keys.length)
})

it('reads tokens together whose slot is on its way, before it has arrived', async () => {
  const keys = ['{a}0', '{a}1', '{a}2', '{a}3']
  await Promise.all(keys.map((key) => db.storeToken(key, key)))
  const slot = Number(await servers.cli('CLUSTER', 'KEYSLOT', 'atxp:oauth:{a}'))
  const owner = await servers.nodeOfSlot(slot)
  const to = (await servers.masters()).find((node) => node !== owner) as RedisServer
  const migration = await servers.openMigration(slot, to)
  try {
    await migration.move(2)
    expect([...(await db.getTokens(keys)).values()]).toEqual(keys)
  } finally {
    await migration.finish()
  }
})

it('finds none of several tokens that are not there, also when their slot begins to move after the first look', async () => {
  const keys = ['{b}0', '{b}1', '{b}2', '{b}3']
  const slot = Number(await servers.cli('CLUSTER', 'KEYSLOT', 'atxp:oauth:{b}'))
  const owner = await servers.nodeOfSlot(slot)
  const to = (await servers.masters()).find((node) => node !== owner) as RedisServer
  let migrating: Promise<SlotMigration> | undefined
  const { sendCommand } = client
  client.sendCommand = (command, ...others) => {
    const send = () => sendCommand.call(client, command, ...others)
    if (command.name !== 'exists' || migrating !== undefined) return send()
    migrating = servers.openMigration(slot, to)
    void migrating.then(() => void send())
    return command.promise
  }
  expect(await db.getTokens(keys)).toHaveProperty('size', 0)
  await (await migrating)?.finish()
})

it('says that a slot is not served which is on its way for longer than the client lets its nodes refuse a command', async () => {
  const slot = Number(await servers.cli('CLUSTER', 'KEYSLOT', 'atxp:oauth:~access:{c}'))
  const owner = await servers.nodeOfSlot(slot)
  const to = (await servers.masters()).find((node) => node !== owner) as RedisServer
  const migration = await servers.openMigration(slot, to)
  const save = () => db.saveAccessToken('c', 'url', { accessToken: 'a', resourceUrl: 'url' })
  // Of two keys, as the first save of each record.
  await expect(save()).rejects.toMatchObject({ code: 'CLUSTER_DOWN' })
  expect(await db.getAccessToken('c', 'url')).toBeNull()
  await migration.finish()
  await save()
})

it.each(['slave', 'all', (nodes: unknown[]) => nodes[0]])(
  'is refused when it reads from %s: replicas answer with what they had',
  (scaleReads) => {
    const reader = new Cluster([{ host: '127.0.0.1', port: 1 }], {
      scaleReads: scaleReads as 'all',
      lazyConnect: true,
    })
    onTestFinished(() => reader.disconnect())
    const attempt = () => new RedisOAuthDatabase({ client: reader })
    expect(attempt).toThrow(TypeError)
    expect(attempt).toThrow(/^options\.client must be a Cluster whose scaleReads is 'master'/)
  },
)

it('is not closed with the database', async () => {
  await db.storeToken('a', 'one')
  await db.close()
  await expect(db.getToken('a')).rejects.toMatchObject({ code: 'CLOSED' })
  expect(await client.get('atxp:oauth:a')).toBe('one')
})
