import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { RedisOAuthDatabase, withOAuthDatabase } from '../../../src/index.js'
import { eventually } from '../eventually.js'
import { startProcesses, type TestProcess } from '../processes/processes.js'
import type { RedisServer } from '../servers/redis-server.js'
import { type AtxpServer, startAtxpServer } from './atxp-server.mjs'
import { type AuthorizationServer, startAuthorizationServer } from './authorization-server.mjs'
import { startMcpServer, type TestMcpServer } from './mcp-server.mjs'
import type { DatabaseChoice, Outcome } from './worker.mjs'

const WORKER = fileURLToPath(new URL('./worker.mjs', import.meta.url))
const ACCOUNT = 'base:0xf1ee7'
const SETTLED_WITHIN_MS = 30_000

export interface FleetOptions {
  processes: number
  /** The server that the workers share. It is theirs alone, since scenarios kill and freeze it. */
  redis: RedisServer
  /** How a worker reaches its records; `keyPrefix` is new for each scenario. */
  database(redis: RedisServer, keyPrefix: string): DatabaseChoice
}

export interface CallOptions {
  perProcess?: number
  /** All calls of one process at once, instead of one after the other. */
  parallel?: boolean
  path?: string
}

/** Everything counted since `begin`, by both servers. */
export type FleetCounters = ReturnType<AuthorizationServer['counters']> &
  ReturnType<TestMcpServer['counters']>

/** Real processes with the published client, one session, one Redis, one authorization server, one MCP server. */
export class Fleet {
  readonly authorizationServer: AuthorizationServer
  readonly mcpServer: TestMcpServer
  readonly redis: RedisServer
  #workers: TestProcess[] = []
  /** Started by the first scenario that asks for it. */
  #atxpServer: AtxpServer | undefined
  /** What the workers call. */
  #called: TestMcpServer
  #options: FleetOptions

  constructor(
    authorizationServer: AuthorizationServer,
    mcpServer: TestMcpServer,
    options: FleetOptions,
  ) {
    this.authorizationServer = authorizationServer
    this.mcpServer = mcpServer
    this.#called = mcpServer
    this.redis = options.redis
    this.#options = options
  }

  get workers(): readonly TestProcess[] {
    return this.#workers
  }

  /** Nobody registered, nobody logged in, an empty database, every process alive and warm, all counters at zero. */
  async begin(): Promise<void> {
    // A scenario that failed may have left it so.
    if (this.redis.running) this.redis.resume()
    else await this.redis.restart({ keepData: true })
    for (const worker of this.#workers) worker.resume()
    await this.#startMissingWorkers()
    this.#called = this.mcpServer
    await this.#startAnew()
    this.authorizationServer.reset()
    this.mcpServer.reset()
  }

  /** From here to the end of the scenario the workers call a server that does with OAuth what the published one does. */
  async useAtxpServer(): Promise<AtxpServer> {
    this.#atxpServer ??= await this.#startAtxpServer()
    this.#atxpServer.reset()
    this.#called = this.#atxpServer
    await this.#startAnew()
    return this.#atxpServer
  }

  async #startAtxpServer(): Promise<AtxpServer> {
    const { issuer } = this.authorizationServer
    const oauthDatabase = new RedisOAuthDatabase({ url: this.redis.url, keyPrefix: 'atxp-server:' })
    return await startAtxpServer({ issuer, serverOptions: withOAuthDatabase({ oauthDatabase }) })
  }

  async #startAnew(): Promise<void> {
    const keyPrefix = `fleet:${randomUUID()}:`
    await this.#configure(this.#workers, this.#options.database(this.redis, keyPrefix))
  }

  /** Waits also for the event streams that clients ask for in the background once they are connected. */
  async connect(workers: readonly TestProcess[], path = '/mcp'): Promise<Outcome> {
    const streamsBefore = this.#called.counters().refusedEventStreams
    const outcome = await inAll(workers, 'connect', { path })
    await eventually(
      () => this.#called.counters().refusedEventStreams >= streamsBefore + outcome.ok,
      { withinMs: SETTLED_WITHIN_MS },
    )
    return outcome
  }

  connectAll(path?: string): Promise<Outcome> {
    return this.connect(this.#workers, path)
  }

  /** One process logs in, the others find its session. */
  async share(path?: string): Promise<void> {
    const [first, ...others] = this.#workers
    if (first === undefined) throw new Error('a fleet has at least one process')
    for (const workers of [[first], others]) {
      const { failures } = await this.connect(workers, path)
      if (failures.length > 0) throw new Error(`the fleet cannot log in: ${failures[0]?.message}`)
    }
  }

  call(
    workers: readonly TestProcess[],
    { perProcess = 1, parallel = false, path = '/mcp' }: CallOptions = {},
  ): Promise<Outcome> {
    return inAll(workers, 'call', { times: perProcess, parallel, path })
  }

  callAll(options?: CallOptions): Promise<Outcome> {
    return this.call(this.#workers, options)
  }

  /** Every process as a resource server that checks the token of the session. */
  introspectAll(): Promise<Outcome> {
    return inAll(this.#workers, 'introspect', {})
  }

  expireAccessTokens(): void {
    this.authorizationServer.expireAccessTokens()
  }

  counters(): FleetCounters {
    return { ...this.authorizationServer.counters(), ...this.#called.counters() }
  }

  /** The next `begin` starts others. */
  async killWorkers(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.kill()))
  }

  async stop(): Promise<void> {
    await this.killWorkers()
    await Promise.all([
      this.authorizationServer.stop(),
      this.mcpServer.stop(),
      this.#atxpServer?.stop(),
    ])
  }

  async #startMissingWorkers(): Promise<void> {
    const alive = this.#workers.filter((worker) => worker.running)
    const missing = this.#options.processes - alive.length
    const started = await startProcesses({ entry: WORKER, count: missing })
    // A first login in a database of its own loads and compiles what the client needs. Cold processes would spread
    // over time and not race.
    await this.#configure(started, { kind: 'memory' })
    await this.connect(started)
    this.#workers = [...alive, ...started]
  }

  async #configure(workers: readonly TestProcess[], database: DatabaseChoice): Promise<void> {
    const setup = {
      issuer: this.authorizationServer.issuer,
      mcpOrigin: this.#called.origin,
      accountId: ACCOUNT,
      database,
    }
    await Promise.all(workers.map((worker) => worker.call('configure', setup)))
  }
}

export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const authorizationServer = await startAuthorizationServer()
  const { issuer, introspect } = authorizationServer
  const fleet = new Fleet(
    authorizationServer,
    await startMcpServer({ issuer, introspect }),
    options,
  )
  await fleet.begin()
  return fleet
}

/** Gives the command to every worker in one turn. A worker that is killed meanwhile counts nothing. */
async function inAll(
  workers: readonly TestProcess[],
  name: string,
  args: object,
): Promise<Outcome> {
  const outcomes = await Promise.all(
    workers.map(async (worker) => {
      try {
        return await worker.call<Outcome>(name, args)
      } catch (error) {
        if (worker.running) throw error
        return { ok: 0, failed: 0, failures: [], slowestMs: 0 }
      }
    }),
  )
  return {
    ok: outcomes.reduce((sum, { ok }) => sum + ok, 0),
    failed: outcomes.reduce((sum, { failed }) => sum + failed, 0),
    failures: outcomes.flatMap(({ failures }) => failures),
    slowestMs: Math.max(0, ...outcomes.map(({ slowestMs }) => slowestMs)),
  }
}
