import { onTestFinished } from 'vitest'
import { RedisOAuthDatabase, type RedisOAuthDatabaseOptions } from '../../src/index.js'
import { type FaultProxy, startFaultProxy } from './network/fault-proxy.js'
import { type RedisServer, type RedisServerOptions, startRedis } from './servers/redis-server.js'

// What one test needs and no other: all of it goes with the test, the latest first.

export async function startServer(options: RedisServerOptions = {}): Promise<RedisServer> {
  const server = await startRedis(options)
  onTestFinished(() => server.stop())
  return server
}

export async function startProxy(server: RedisServer): Promise<FaultProxy> {
  const proxy = await startFaultProxy(server)
  onTestFinished(() => proxy.stop())
  return proxy
}

/** A database that does not wait long between its attempts. */
export function openDatabase(options: RedisOAuthDatabaseOptions): RedisOAuthDatabase {
  const patience = options.client === undefined ? { retryDelayOnFailover: 10 } : {}
  const db = new RedisOAuthDatabase({ ...patience, ...options })
  onTestFinished(() => db.close())
  return db
}
