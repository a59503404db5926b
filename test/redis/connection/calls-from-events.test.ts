import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { expect, it, onTestFinished } from 'vitest'
import {
  CHANNELS,
  type ConnectionEvent,
  type RedisOAuthDatabase,
  type RedisOAuthDatabaseOptions,
} from '../../../src/index.js'
import { eventually } from '../../support/eventually.js'
import { openDatabase, startServer } from '../../support/scene.js'
import { startCluster } from '../../support/servers/cluster.js'
import type { RedisServer } from '../../support/servers/redis-server.js'

type Place = [options: RedisOAuthDatabaseOptions, servers: [RedisServer, ...RedisServer[]]]

async function oneServer(): Promise<Place> {
  const server = await startServer()
  return [{ host: server.host, port: server.port }, [server]]
}

async function cluster(): Promise<Place> {
  const servers = await startCluster()
  onTestFinished(() => servers.stop())
  const nodes = servers.nodes.map(({ host, port }) => ({ host, port }))
  return [{ cluster: { nodes } }, (await servers.masters()) as Place[1]]
}

/** How often a command was called at all the servers. */
async function callsOf(command: string, servers: RedisServer[]): Promise<number> {
  const stats = await Promise.all(servers.map((server) => server.cli('INFO', 'commandstats')))
  const calls = new RegExp(`cmdstat_${command}:calls=(\\d+)`)
  return stats.reduce((sum: number, text) => sum + Number(calls.exec(String(text))?.[1] ?? 0), 0)
}

/** Stores a token from within each event of a connection that serves. */
function storeWhenConnected(db: RedisOAuthDatabase): Promise<void>[] {
  const calls: Promise<void>[] = []
  const store = (message: unknown): void => {
    const { event } = message as ConnectionEvent
    if (event === 'connected' || event === 'reconnected') calls.push(db.storeToken('a', event))
  }
  subscribe(CHANNELS.connection, store)
  onTestFinished(() => void unsubscribe(CHANNELS.connection, store))
  return calls
}

it.each([
  ['a server', oneServer],
  ['a Cluster', cluster],
])('a call made when %s is connected runs once, behind those that waited', async (_, start) => {
  const [options, servers] = await start()
  const db = openDatabase(options)
  const calls = storeWhenConnected(db)
  await db.storeToken('a', 'before')
  await Promise.all(calls)
  expect(await db.getToken('a')).toBe('connected')
  expect(await callsOf('set', servers)).toBe(2)
})

it('a call made when a server is reconnected runs once, behind those that waited', async () => {
  const [options, [server]] = await oneServer()
  const db = openDatabase(options)
  await db.ping()
  const calls = storeWhenConnected(db)
  await server.cli('CLIENT', 'KILL', 'TYPE', 'normal')
  await eventually(() => calls.length > 0)
  await Promise.all(calls)
  expect(await db.getToken('a')).toBe('reconnected')
  expect(await callsOf('set', [server])).toBe(1)
})
