import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import type { RedisOAuthDatabase, RedisOAuthDatabaseOptions } from '../../../src/index.js'
import { expectFailure } from '../../support/connection/failure-facts.js'
import { eventually } from '../../support/eventually.js'
import type { FaultProxy } from '../../support/network/fault-proxy.js'
import { openDatabase, startProxy, startServer } from '../../support/scene.js'
import { startCluster } from '../../support/servers/cluster.js'
import { freePort } from '../../support/servers/free-port.js'
import type { RedisServer } from '../../support/servers/redis-server.js'

const COMMAND_MS = 200
const SLOW_MS = 700

let server: RedisServer
let proxy: FaultProxy

beforeEach(async () => {
  server = await startServer()
  proxy = await startProxy(server)
})

function open(options: RedisOAuthDatabaseOptions = {}): RedisOAuthDatabase {
  const isElsewhere = options.sentinel !== undefined || options.cluster !== undefined
  const place = isElsewhere ? {} : { port: proxy.port }
  return openDatabase({ ...place, commandTimeout: COMMAND_MS, ...options })
}

/** A master and one Sentinel that are reached through slow proxies only. */
async function sentinelBehindProxies(): Promise<RedisOAuthDatabaseOptions> {
  const monitor = `sentinel monitor mymaster ${proxy.host} ${proxy.port} 1`
  const patience = 'sentinel down-after-milliseconds mymaster 60000'
  const front = await startProxy(await startServer({ sentinel: [monitor, patience] }))
  front.delayFirst(SLOW_MS)
  return { sentinel: { name: 'mymaster', nodes: [{ host: front.host, port: front.port }] } }
}

async function clusterBehindProxies(): Promise<RedisOAuthDatabaseOptions> {
  const servers = await startCluster()
  onTestFinished(() => servers.stop())
  const natMap: Record<string, { host: string; port: number }> = {}
  for (const node of servers.nodes) {
    const front = await startProxy(node)
    front.delayFirst(SLOW_MS)
    natMap[`${node.host}:${node.port}`] = { host: front.host, port: front.port }
  }
  return { cluster: { nodes: Object.values(natMap), natMap } }
}

describe('a call that needs the first connection', () => {
  it.each<[string, () => Promise<RedisOAuthDatabaseOptions>]>([
    ['server', async () => ({})],
    ['server named by Sentinel', sentinelBehindProxies],
    ['Cluster', clusterBehindProxies],
  ])('waits for it longer than for an answer, of a %s', async (_kind, place) => {
    proxy.delayFirst(SLOW_MS)
    const db = open(await place())
    const calls = [db.storeToken('a', 'one'), db.getToken('a'), db.listTokens(), db.hasToken('b')]
    expect(await Promise.all(calls)).toEqual([undefined, 'one', ['a'], false])
  })

  it('waits no longer than connectionTimeout', async () => {
    proxy.delayFirst(60_000)
    const name = `127.0.0.1:${proxy.port}`
    const db = openDatabase({ host: '127.0.0.1', port: proxy.port, connectionTimeout: 100 })
    const { message } = await expectFailure(db.storeToken('a', 'one'), 'CONNECTION_TIMEOUT', name)
    expect(message).toContain('raise connectionTimeout')
    await expectFailure(db.getToken('a'), 'CONNECTION_TIMEOUT', name)
    proxy.delayFirst(0)
    await eventually(async () => (await db.getToken('a')) === null)
  })

  it('has commandTimeout for its answer, once it could be sent', async () => {
    await server.cli('CLIENT', 'PAUSE', 60_000, 'WRITE')
    const db = open({ connectionTimeout: 60_000 })
    await expect(db.storeToken('a', 'one')).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
  })

  it('fails as soon as maxRetriesPerRequest attempts more were refused', async () => {
    const port = await freePort()
    for (const maxRetriesPerRequest of [0, 2]) {
      const db = open({ port, maxRetriesPerRequest, retryDelayOnFailover: 1 })
      await expect(db.getToken('a')).rejects.toMatchObject({ code: 'CONNECTION_REFUSED' })
    }
  })

  it('waits retryDelayOnFailover between attempts, beyond commandTimeout', async () => {
    proxy.refuse()
    const db = open({ retryDelayOnFailover: 2 * COMMAND_MS, maxRetriesPerRequest: 50 })
    const call = db.getToken('a')
    const startedAt = performance.now()
    let isOver = false
    const end = (): void => {
      isOver = true
    }
    call.then(end, end)
    await eventually(() => performance.now() - startedAt > 2 * COMMAND_MS)
    expect(isOver).toBe(false)
    await proxy.accept()
    expect(await call).toBeNull()
  })
})

describe('once there was a connection', () => {
  it('an outage ends calls at commandTimeout', async () => {
    const db = open({ retryDelayOnFailover: 60_000 })
    await db.ping()
    proxy.refuse()
    proxy.cut()
    await eventually(() => proxy.connections === 0)
    await expect(db.getToken('a')).rejects.toMatchObject({ code: 'CONNECTION_LOST' })
  })

  it('a server that has to wake up is reached again, while calls go on', async () => {
    const db = open()
    await db.ping()
    proxy.delayFirst(SLOW_MS)
    proxy.cut()
    await eventually(() => db.getToken('a'))
  })
})
