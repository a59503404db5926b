import { randomUUID } from 'node:crypto'
import { auth as authV2 } from '@modelcontextprotocol/client'
import { auth as authV1 } from '@modelcontextprotocol/sdk/client/auth.js'
import type { RedisOAuthDatabase } from '../../../src/index.js'
import {
  finishMcpLogin,
  type McpOAuthProvider,
  type McpOAuthProviderOptions,
  mcpOAuthProvider,
} from '../../../src/mcp.js'
import {
  type AuthorizationServer,
  startAuthorizationServer,
} from '../fleet/authorization-server.mjs'
import { startMcpServer, type TestMcpServer } from '../fleet/mcp-server.mjs'
import { openDatabase } from '../scene.js'
import { bareClient } from '../servers/bare-client.js'
import { type RedisServer, startRedis } from '../servers/redis-server.js'
import { agreeAt } from './browser.mjs'
import { memoryStore, naiveProvider, type Store } from './naive-provider.mjs'

export const USER = 'user_123'
export const REDIRECT_URL = 'http://127.0.0.1:9/callback'

/** Runs an SDK's own flow for a provider: a refresh, or the beginning of a login. */
export const FLOWS = {
  v1: (scene: McpScene, provider: object, fetchFn?: unknown): Promise<string> =>
    authV1(provider as never, { serverUrl: scene.serverUrl, fetchFn: fetchFn as never }),
  v2: (scene: McpScene, provider: object, fetchFn?: unknown): Promise<string> =>
    authV2(provider as never, { serverUrl: scene.serverUrl, fetchFn: fetchFn as never }),
}

/** A Redis, an authorization server and an MCP server, and providers of one application; each test has a database of its own. */
export class McpScene {
  readonly redis: RedisServer
  readonly authorizationServer: AuthorizationServer
  readonly mcpServer: TestMcpServer
  db!: RedisOAuthDatabase
  keyPrefix = ''
  /** Of what the hand-made provider keeps. */
  store!: Store
  /** Where users were sent. */
  urls: URL[] = []

  private constructor(
    redis: RedisServer,
    authorizationServer: AuthorizationServer,
    mcpServer: TestMcpServer,
  ) {
    this.redis = redis
    this.authorizationServer = authorizationServer
    this.mcpServer = mcpServer
  }

  static async start(): Promise<McpScene> {
    const redis = await startRedis()
    const authorizationServer = await startAuthorizationServer()
    const { issuer, introspect } = authorizationServer
    return new McpScene(redis, authorizationServer, await startMcpServer({ issuer, introspect }))
  }

  /** To be called before each test. */
  begin(): void {
    this.authorizationServer.reset()
    this.mcpServer.reset()
    this.keyPrefix = `${randomUUID()}:`
    this.db = openDatabase({ url: this.redis.url, keyPrefix: this.keyPrefix })
    this.store = memoryStore()
    this.urls = []
  }

  get serverUrl(): string {
    return this.mcpServer.url()
  }

  provider(options: Partial<McpOAuthProviderOptions> = {}): McpOAuthProvider {
    return mcpOAuthProvider({
      db: this.db,
      userId: USER,
      serverUrl: this.serverUrl,
      redirectUrl: REDIRECT_URL,
      clientMetadata: { client_name: 'My app' },
      onRedirect: (url) => void this.urls.push(url),
      ...options,
    })
  }

  naive(options: Partial<Parameters<typeof naiveProvider>[0]> = {}) {
    return naiveProvider({
      store: this.store,
      userId: USER,
      serverUrl: this.serverUrl,
      redirectUrl: REDIRECT_URL,
      onRedirect: (url) => void this.urls.push(url),
      ...options,
    })
  }

  /** The browser agrees to the newest login; gives the URL of its callback. */
  agree(userId = USER): Promise<string> {
    return agreeAt(String(this.urls.pop()), userId)
  }

  async finish(callbackUrl: string, userId = USER): Promise<void> {
    await finishMcpLogin({ db: this.db, callbackUrl, userId })
  }

  /** Logs a user in, by the flow of one SDK. */
  async logIn(provider: McpOAuthProvider = this.provider(), userId = USER): Promise<void> {
    const outcome = await FLOWS.v1(this, provider, provider.fetch)
    if (outcome !== 'REDIRECT') throw new Error(`no login was due: ${outcome}`)
    await this.finish(await this.agree(userId), userId)
  }

  /** What this test has in Redis, of the keys with this part. */
  async keysWith(part: string): Promise<string[]> {
    const keys = await bareClient({ path: this.redis.path }).keys(`${this.keyPrefix}*`)
    return keys.filter((key) => key.includes(part))
  }

  async stop(): Promise<void> {
    await this.mcpServer.stop()
    await this.authorizationServer.stop()
    await this.redis.stop()
  }
}
