import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import type { RedisOAuthDatabaseOptions } from '../../../src/index.js'
import { eventually } from '../eventually.js'
import {
  type AuthorizationServer,
  startAuthorizationServer,
} from '../fleet/authorization-server.mjs'
import { ACCOUNT, createRawClient, credentials } from '../fleet/raw-client.js'
import { type FaultProxy, startFaultProxy } from '../network/fault-proxy.js'
import { startProcesses, type TestProcess } from '../processes/processes.js'
import { type RedisServer, startRedis } from '../servers/redis-server.js'
import { leaseWaiters } from './lease-waiters.js'

/** What each process runs. */
export const REFRESHER = fileURLToPath(new URL('refresher.mjs', import.meta.url))
const RESOURCE = 'https://mcp.example/mcp'
const WELL_WITHIN_MS = 30_000

interface Session {
  user: string
  url: string
  tokenUrl: string
  client: Record<string, string>
  /** The access token that no server takes any more. */
  expired: string
}

/** A process, and its own way to Redis. */
export class Member {
  readonly process: TestProcess
  readonly proxy: FaultProxy
  readonly #session: Session

  constructor(process: TestProcess, proxy: FaultProxy, session: Session) {
    this.process = process
    this.proxy = proxy
    this.#session = session
  }

  /** What the next call begins with. */
  read(): Promise<string | undefined> {
    return this.process.call('read', this.#session)
  }

  /** `ok`, or the code or status that the call failed with, or `killed`. */
  async call(session: Session = this.#session): Promise<string> {
    try {
      return await this.process.call<string>('call', session)
    } catch (error) {
      if (this.process.running) throw error
      return 'killed'
    }
  }
}

/** Where the processes of an outage come from, and go to. */
export interface ProcessPool {
  take(): Promise<TestProcess>
  giveBack(process: TestProcess): Promise<unknown>
}

const freshProcesses: ProcessPool = {
  take: async () => (await startProcesses({ entry: REFRESHER }))[0] as TestProcess,
  giveBack: (process) => process.kill(),
}

export interface OutageOptions {
  /** Of every process. */
  database?: Omit<RedisOAuthDatabaseOptions, 'host' | 'port'>
  /** Beside the one that refreshes. */
  peers?: number
  pool?: ProcessPool
}

/** One session with an expired access token, processes of a fleet, each behind a network of its own, and what happens to them. */
export class Outage {
  readonly redis: RedisServer
  readonly authorizationServer: AuthorizationServer
  readonly session: Session
  readonly members: Member[] = []
  /** What was counted when it was last noted. */
  observed: Record<string, number> = {}
  readonly #options: OutageOptions
  #calls: { end: string; elapsedMs: number }[] = []

  constructor(
    redis: RedisServer,
    authorizationServer: AuthorizationServer,
    session: Session,
    options: OutageOptions,
  ) {
    this.redis = redis
    this.authorizationServer = authorizationServer
    this.session = session
    this.#options = options
  }

  get refresher(): Member {
    return this.members[0] as Member
  }

  get peers(): Member[] {
    return this.members.slice(1)
  }

  /** Starts another process. It connects with its first call. */
  async join(): Promise<Member> {
    const { pool = freshProcesses } = this.#options
    const process = await pool.take()
    const proxy = await startFaultProxy({ port: this.redis.port })
    const member = new Member(process, proxy, this.session)
    this.members.push(member)
    await member.process.call('open', {
      ...this.#options.database,
      host: proxy.host,
      port: proxy.port,
    })
    return member
  }

  /**
   * The refresher's request is with the authorization server, which has acted or not; every peer has read the spent pair.
   * @returns what lets the answer go, and what becomes of the call
   */
  async midRefresh(
    point: 'before' | 'after' = 'after',
  ): Promise<{ answer(): void; call: Promise<string> }> {
    await Promise.all(this.members.map((member) => member.read()))
    const hold = this.authorizationServer.holdTokenRequest({ point })
    const call = this.#count(this.refresher.call())
    await this.authorizationServer.reached(hold)
    return { answer: () => this.authorizationServer.release(hold), call }
  }

  /** Calls of these at once, which are counted. */
  async callAll(members: readonly Member[]): Promise<string[]> {
    return await Promise.all(members.map((member) => this.#count(member.call())))
  }

  async #count(call: Promise<string>): Promise<string> {
    const startedAtMs = performance.now()
    const end = await call
    this.#calls.push({ end, elapsedMs: performance.now() - startedAtMs })
    return end
  }

  /** Resolves when every peer waits for the refresh that is under way. */
  peersWait(): Promise<void> {
    return leaseWaiters(this.redis, this.peers.length)
  }

  /** Resolves when some token is marked as sent. */
  async marked(): Promise<void> {
    await eventually(async () => (await this.redis.cli<string[]>('KEYS', '*spent:*')).length > 0, {
      withinMs: WELL_WITHIN_MS,
    })
  }

  /** Acts when this script of the refresher's is on its way to Redis, where it arrives or does not. */
  onItsWay(script: string, arrives: boolean, act: () => unknown): Promise<void> {
    return new Promise((resolve) => {
      const { cancel } = this.refresher.proxy.dropRequests(([, sent]) => {
        if (sent !== script) return false
        cancel()
        act()
        resolve()
        return !arrives
      })
    })
  }

  /** Calls again and again, each process by itself, until every one has had an answer. */
  async recover(): Promise<void> {
    const untilWell = (member: Member) =>
      eventually(async () => expect(await member.call()).toBe('ok'), { withinMs: WELL_WITHIN_MS })
    await Promise.all(this.members.filter(({ process }) => process.running).map(untilWell))
  }

  /** One refresh, no spent token sent, and what stands in Redis is what the authorization server gave last. */
  async expectUnharmed(): Promise<void> {
    const harm = { reuseDetections: 0, refusedRefreshes: 0, familiesRevoked: 0, familiesAlive: 1 }
    this.observe()
    expect(this.authorizationServer.counters()).toMatchObject({ ...harm, refreshes: 1 })
    const reader = this.peers.find(({ process }) => process.running)
    const expired = (await reader?.read()) ?? 'none'
    expect(await reader?.call({ ...this.session, expired })).toBe('ok')
    expect(this.authorizationServer.counters()).toMatchObject({ ...harm, refreshes: 2 })
  }

  /** Notes what has been counted so far. */
  observe(): void {
    this.observed = {
      ...this.authorizationServer.counters(),
      callsFailed: this.#calls.filter(({ end }) => end !== 'ok' && end !== 'killed').length,
      slowestMs: Math.round(Math.max(0, ...this.#calls.map(({ elapsedMs }) => elapsedMs))),
    }
  }

  async end(): Promise<void> {
    const { pool = freshProcesses } = this.#options
    await Promise.all(this.members.map(({ process }) => pool.giveBack(process)))
    await Promise.all(this.members.map(({ proxy }) => proxy.stop()))
    await this.authorizationServer.stop()
    await this.redis.stop()
  }
}

/** Runs a test of its own servers and processes, which may run beside others. */
export async function inOutage(
  test: (outage: Outage) => Promise<void>,
  options: OutageOptions = {},
): Promise<void> {
  // What Redis acknowledged survives its being killed: what is lost is lost by the library.
  const redis = await startRedis({ appendonly: true, config: { appendfsync: 'always' } })
  const authorizationServer = await startAuthorizationServer()
  const { client, tokens } = await createRawClient(authorizationServer.issuer).login()
  const session: Session = {
    user: ACCOUNT,
    url: RESOURCE,
    tokenUrl: `${authorizationServer.issuer}/token`,
    client: credentials(client),
    expired: String(tokens.access_token),
  }
  const outage = new Outage(redis, authorizationServer, session, options)
  try {
    await Promise.all(Array.from({ length: 1 + (options.peers ?? 2) }, () => outage.join()))
    await outage.refresher.process.call('save', session, {
      accessToken: session.expired,
      refreshToken: tokens.refresh_token,
      resourceUrl: RESOURCE,
    })
    await test(outage)
  } catch (error) {
    outage.observe()
    throw error
  } finally {
    await outage.end()
  }
}
