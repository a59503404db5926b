import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import {
  type AuthorizationServer,
  startAuthorizationServer,
} from '../fleet/authorization-server.mjs'
import { startMcpServer, type TestMcpServer } from '../fleet/mcp-server.mjs'
import { startProcesses, type TestProcess } from '../processes/processes.js'
import { type RedisServer, startRedis } from '../servers/redis-server.js'
import { agreeAt } from './browser.mjs'
import type { Outcome, WorkerSetup } from './worker.mjs'

const WORKER = fileURLToPath(new URL('./worker.mjs', import.meta.url))
const USER = 'user_123'
const REDIRECT_URL = 'http://127.0.0.1:9/callback'

/** Real processes with a client of an MCP SDK, one user, one Redis, one authorization server, one MCP server. */
export class McpFleet {
  readonly authorizationServer: AuthorizationServer
  readonly mcpServer: TestMcpServer
  readonly redis: RedisServer
  readonly workers: readonly TestProcess[]

  private constructor(
    authorizationServer: AuthorizationServer,
    mcpServer: TestMcpServer,
    redis: RedisServer,
    workers: readonly TestProcess[],
  ) {
    this.authorizationServer = authorizationServer
    this.mcpServer = mcpServer
    this.redis = redis
    this.workers = workers
  }

  static async start(count: number): Promise<McpFleet> {
    const redis = await startRedis()
    const authorizationServer = await startAuthorizationServer()
    const { issuer, introspect } = authorizationServer
    const mcpServer = await startMcpServer({ issuer, introspect })
    const workers = await startProcesses({ entry: WORKER, count })
    return new McpFleet(authorizationServer, mcpServer, redis, workers)
  }

  /** Nobody registered, nobody logged in, all counters at zero. */
  async begin(setup: Pick<WorkerSetup, 'sdk' | 'provider'>): Promise<void> {
    const whole: WorkerSetup = {
      ...setup,
      url: this.redis.url,
      keyPrefix: `${randomUUID()}:`,
      userId: USER,
      serverUrl: this.mcpServer.url(),
      redirectUrl: REDIRECT_URL,
    }
    await Promise.all(this.workers.map((worker) => worker.call('configure', whole)))
    this.authorizationServer.reset()
    this.mcpServer.reset()
  }

  /** Each process connects, and one has the user log in where that is asked for. */
  async share(): Promise<void> {
    const [first, ...others] = this.workers as [TestProcess, ...TestProcess[]]
    const outcome = await first.call<Outcome>('connect')
    if (!('loginUrl' in outcome)) throw new Error(`no login: ${JSON.stringify(outcome)}`)
    await this.finish(first, outcome.loginUrl)
    for (const worker of [first, ...others]) await answered(worker.call<Outcome>('connect'))
  }

  async finish(worker: TestProcess, loginUrl: string): Promise<void> {
    await answered(worker.call<Outcome>('finish', await agreeAt(loginUrl, USER)))
  }

  /** Each process calls once, the first at once and the last after `spreadMs`. */
  call(spreadMs: number): Promise<Outcome[]> {
    const stepMs = spreadMs / Math.max(1, this.workers.length - 1)
    return Promise.all(
      this.workers.map((worker, at) => worker.call<Outcome>('call', { afterMs: at * stepMs })),
    )
  }

  connect(): Promise<Outcome[]> {
    return Promise.all(this.workers.map((worker) => worker.call<Outcome>('connect')))
  }

  async stop(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.kill()))
    await this.mcpServer.stop()
    await this.authorizationServer.stop()
    await this.redis.stop()
  }
}

async function answered(called: Promise<Outcome>): Promise<void> {
  const outcome = await called
  if (!('answer' in outcome)) throw new Error(`no answer: ${JSON.stringify(outcome)}`)
}
