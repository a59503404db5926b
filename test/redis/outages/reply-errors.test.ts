import { describe, expect, it } from 'vitest'
import type {
  ConnectionEvent,
  RedisOAuthDatabase,
  RedisOAuthDatabaseOptions,
} from '../../../src/index.js'
import { expectFailure, SECRETS } from '../../support/connection/failure-facts.js'
import { eventually } from '../../support/eventually.js'
import { listenTo } from '../../support/operations/listening.js'
import { openDatabase, startServer } from '../../support/scene.js'
import {
  ADMIN,
  loadSlowly,
  type RedisServer,
  SLOW_LOADING,
} from '../../support/servers/redis-server.js'

function open(server: RedisServer, options: RedisOAuthDatabaseOptions = {}): RedisOAuthDatabase {
  return openDatabase({ host: server.host, port: server.port, ...options })
}

const at = ({ host, port }: RedisServer) => `${host}:${port}`
const { username, password, token } = SECRETS

describe('a user without permission', () => {
  const asUser = { username, password }

  it('for a command fails with PERMISSION_DENIED', async () => {
    const server = await startServer({
      users: [{ name: username, password, rule: '~* +@all -set' }],
    })
    const db = open(server, asUser)
    const work = db.storeToken('a', token)
    expect((await expectFailure(work, 'PERMISSION_DENIED', at(server))).message).toContain(
      "may not run 'set'",
    )
    expect(await db.getToken('a')).toBeNull()
  })

  it('for the keys of the prefix fails with PERMISSION_DENIED', async () => {
    const server = await startServer({
      users: [{ name: username, password, rule: '~other:* +@all' }],
    })
    const db = open(server, asUser)
    await expectFailure(db.getToken(token), 'PERMISSION_DENIED', at(server))
    await expectFailure(db.storeToken('a', token), 'PERMISSION_DENIED', at(server))
    await expectFailure(db.deleteToken('a'), 'PERMISSION_DENIED', at(server))
    expect(await server.cli('DBSIZE')).toBe(0)
  })

  it('to PING works, as far as it needs none', async () => {
    const server = await startServer({
      users: [{ name: username, password, rule: '~* +@all -ping' }],
    })
    const db = open(server, asUser)
    await db.storeToken('a', token)
    expect(await db.getToken('a')).toBe(token)
    await expectFailure(db.ping(), 'PERMISSION_DENIED', at(server))
  })
})

describe('a database number that the server does not have', () => {
  it('fails with DATABASE_OUT_OF_RANGE at once, and nothing is written to another database', async () => {
    const server = await startServer({ databases: 2 })
    const db = open(server, { db: 2 })
    const writes = Array.from({ length: 10 }, (_, i) => db.storeToken(`a${i}`, token))
    for (const work of writes) await expectFailure(work, 'DATABASE_OUT_OF_RANGE', at(server))
    await expectFailure(db.getToken('a'), 'DATABASE_OUT_OF_RANGE', at(server))
    await expectFailure(db.listTokens(), 'DATABASE_OUT_OF_RANGE', at(server))
    await expectFailure(db.storeToken('a', token), 'DATABASE_OUT_OF_RANGE', at(server))
    expect(await server.cli('DBSIZE')).toBe(0)
    expect(await server.cli('INFO', 'keyspace')).not.toContain('db')
  })

  it('in a URL fails alike', async () => {
    const server = await startServer({ databases: 2 })
    const url = `redis://${at(server)}/15`
    const db = open(server, { host: undefined, port: undefined, url })
    await expectFailure(db.storeToken('a', token), 'DATABASE_OUT_OF_RANGE', at(server))
    expect(await server.cli('DBSIZE')).toBe(0)
  })
})

it('Redis at maxmemory fails writes with OUT_OF_MEMORY and still answers reads', async () => {
  const server = await startServer()
  const db = open(server)
  await db.storeToken('a', token)
  await server.cli('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
  await server.cli('CONFIG', 'SET', 'maxmemory', '1')
  const error = await expectFailure(db.storeToken('b', token), 'OUT_OF_MEMORY', at(server))
  expect(error.message).toContain('maxmemory')
  expect(await db.getToken('a')).toBe(token)
  expect(await db.deleteToken('a')).toBe(true)
  await server.cli('CONFIG', 'SET', 'maxmemory', '0')
  await db.storeToken('b', token)
})

it('a replica fails writes with READ_ONLY and still answers reads', async () => {
  const master = await startServer()
  const { username: masteruser, password: masterauth } = ADMIN
  const replicaof = `${master.host} ${master.port}`
  const replica = await startServer({ config: { replicaof, masteruser, masterauth } })
  await open(master).storeToken('a', token)
  const db = open(replica)
  await eventually(async () => (await db.getToken('a')) === token)
  const error = await expectFailure(db.storeToken('b', token), 'READ_ONLY', at(replica))
  expect(error.message).toMatch(/Connect to the master$/)
  await expectFailure(db.deleteToken('a'), 'READ_ONLY', at(replica))
})

it('a master without enough replicas fails writes with READ_ONLY, and does not send the caller to a master', async () => {
  const server = await startServer({ config: { 'min-replicas-to-write': '1' } })
  const db = open(server)
  const saved = { accessToken: token, resourceUrl: 'https://mcp.example/' }
  for (const write of [
    db.storeToken('a', token),
    db.saveAccessToken('user', saved.resourceUrl, saved),
  ]) {
    const { message } = await expectFailure(write, 'READ_ONLY', at(server))
    expect(message).toMatch(/min-replicas-to-write demands/)
    expect(message).not.toMatch(/onnect to the master/)
  }
})

it('behind Sentinel, too, which is asked for a new master no more often than a connection grows old', async () => {
  const master = await startServer({ config: { 'min-replicas-to-write': '1' } })
  const monitor = `sentinel monitor mymaster ${at(master).replace(':', ' ')} 1`
  const { host, port } = await startServer({ sentinel: [monitor] })
  const nodes = [{ host, port }]
  const events = listenTo<ConnectionEvent>('connection')
  const db = openDatabase({ commandTimeout: 1_000, sentinel: { name: 'mymaster', nodes } })
  const fail = () =>
    expectFailure(db.storeToken('a', token), 'READ_ONLY', `mymaster (by Sentinel ${host}:${port})`)
  await fail()
  await fail()
  expect(events).toEqual([{ event: 'connected' }])
  await eventually(async () => {
    await fail()
    return events.length > 1
  })
  expect(events.slice(1)).toEqual([{ event: 'lost' }, { event: 'reconnected' }])
})

it('a server that loads its data fails with LOADING at once, and answers when it is ready', async () => {
  const server = await startServer({ config: SLOW_LOADING })
  await server.cli('SET', 'atxp:oauth:1', token)
  await loadSlowly(server, 500)
  const db = open(server)
  await expectFailure(db.getToken('1'), 'LOADING', at(server))
  await expectFailure(db.storeToken('1', token), 'LOADING', at(server))
  await expectFailure(db.ping(), 'LOADING', at(server))
  await eventually(async () => (await db.getToken('1')) === token)
})

it('a server at maxclients fails with TOO_MANY_CLIENTS, and serves when one goes', async () => {
  const server = await startServer()
  // Two: the connection of the test's own commands, and one more.
  await server.cli('CONFIG', 'SET', 'maxclients', '2')
  const first = open(server)
  await first.ping()
  const second = open(server)
  const error = await expectFailure(second.storeToken('a', token), 'TOO_MANY_CLIENTS', at(server))
  expect(error.message).toContain('maxclients')
  await first.close()
  await eventually(() => second.ping())
})

it('a key with another type fails with WRONG_TYPE, and is left as it is', async () => {
  const server = await startServer()
  const db = open(server)
  await server.cli('SADD', 'atxp:oauth:set', 'member')
  await expectFailure(db.getToken('set'), 'WRONG_TYPE', at(server))
  await expectFailure(db.getTokens(['set', 'other']), 'WRONG_TYPE', at(server))
  expect(await server.cli('SMEMBERS', 'atxp:oauth:set')).toEqual(['member'])
})

it('a node of a Cluster that serves no slots fails with CLUSTER_DOWN', async () => {
  const server = await startServer({ config: { 'cluster-enabled': 'yes' } })
  await expectFailure(open(server).storeToken('a', token), 'CLUSTER_DOWN', at(server))
})

it('another error of Redis fails with REDIS_ERROR and its text', async () => {
  const server = await startServer({ config: { 'lua-time-limit': '1' } })
  const db = open(server)
  await db.ping()
  const script = server.cli('EVAL', 'while true do end', 0).catch(() => undefined)
  const busy = await eventually(() => expectFailure(db.getToken('a'), 'REDIS_ERROR', at(server)))
  expect(busy.message).toMatch(/BUSY (Redis|Valkey) is busy running a script/)
  await server.kill()
  await script
})

it('a closed database fails with CLOSED and names the server that it had', async () => {
  const server = await startServer()
  const db = open(server, { password })
  await db.close()
  await expectFailure(db.storeToken('a', token), 'CLOSED', at(server))
})
