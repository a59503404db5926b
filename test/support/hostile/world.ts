import { randomUUID } from 'node:crypto'
import { ATXPFetcher } from '@atxp/client'
import { OAuthResourceClient } from '@atxp/common'
import { auth } from '@modelcontextprotocol/sdk/client/auth.js'
import { Redis } from 'ioredis'
import { expect } from 'vitest'
import { fingerprint } from '../../../src/flight/fingerprint.js'
import { RedisOAuthDatabase, withOAuthDatabase } from '../../../src/index.js'
import { finishMcpLogin, mcpOAuthProvider } from '../../../src/mcp.js'
import { createAccount } from '../fleet/account.mjs'
import {
  type AuthorizationServer,
  startAuthorizationServer,
} from '../fleet/authorization-server.mjs'
import { startMcpServer, type TestMcpServer } from '../fleet/mcp-server.mjs'
import { agreeAt } from '../mcp/browser.mjs'
import { type RedisServer, startRedis } from '../servers/redis-server.js'
import { EvilServer } from './evil-server.js'

const silence = { debug() {}, info() {}, warn() {}, error() {} }
const USERS = ['base:0xa11ce', 'base:0xb0b'] as const
const NEWCOMER = 'base:0xca401'
/** Logged in by a client of the MCP SDK. */
const MCP_USER = 'base:0xd0e'
/** The honest MCP server's answer to a GET that carries a valid token. */
const WELCOME = 405

export interface Registered {
  clientId: string
  clientSecret: string
}

/**
 * An honest authorization server with an honest MCP server, an evil pair, and one fleet of two processes and two users that
 * calls both. The users are logged in at the honest server, and the fleet introspects there.
 */
export class World {
  readonly redis: RedisServer
  readonly honest: AuthorizationServer
  readonly mcp: TestMcpServer
  readonly evil: EvilServer
  readonly #bare: Redis
  #databases: RedisOAuthDatabase[] = []
  #keyPrefix = ''
  /** Everything of the honest server's in Redis, by key. */
  #standing: Record<string, string | null> = {}

  private constructor(
    redis: RedisServer,
    honest: AuthorizationServer,
    mcp: TestMcpServer,
    evil: EvilServer,
  ) {
    this.redis = redis
    this.honest = honest
    this.mcp = mcp
    this.evil = evil
    this.#bare = new Redis({ path: redis.path })
  }

  static async start(): Promise<World> {
    const redis = await startRedis()
    const honest = await startAuthorizationServer()
    const { issuer, introspect } = honest
    return new World(
      redis,
      honest,
      await startMcpServer({ issuer, introspect }),
      await EvilServer.start(),
    )
  }

  async stop(): Promise<void> {
    await this.end()
    await Promise.all([this.evil.stop(), this.mcp.stop(), this.honest.stop()])
    this.#bare.disconnect()
    await this.redis.stop()
  }

  /** Both users log in at the honest server, in two new processes. */
  async begin(): Promise<void> {
    this.honest.reset()
    this.mcp.reset()
    this.#keyPrefix = `hostile:${randomUUID()}:`
    // Who fails to register keeps nobody waiting for long.
    const options = {
      url: this.redis.url,
      keyPrefix: this.#keyPrefix,
      registrationLeaseMs: 50,
    }
    this.#databases = [new RedisOAuthDatabase(options), new RedisOAuthDatabase(options)]
    for (const user of USERS) expect(await this.visit(this.mcp.url(), user)).toBe(WELCOME)
    for (const process of [0, 1]) await this.introspect(this.honest.issuer, process)
    expect(await this.authorize(this.mcp.url(), MCP_USER)).toBe('finished')
    this.#standing = await this.#honestRecords()
    expect(Object.keys(this.#standing)).toHaveLength(6)
  }

  async end(): Promise<void> {
    this.evil.hangUp()
    await Promise.all(this.#databases.map((db) => db.close()))
    this.#databases = []
  }

  database(process = 0): RedisOAuthDatabase {
    return this.#databases[process] as RedisOAuthDatabase
  }

  /** The registration of the fleet with the honest server, as a client. */
  async registered(): Promise<Registered> {
    const client = await this.database().getClientCredentials(this.honest.issuer)
    if (client === null) throw new Error('the fleet is not registered')
    return client
  }

  /** The token of a user at the honest server. */
  async tokenOf(user: string): Promise<{ accessToken: string; refreshToken?: string }> {
    const token = await this.database().getAccessToken(user, this.mcp.url())
    if (token === null) throw new Error('the user is not logged in')
    return token
  }

  /** A GET by the published client, which logs in, registers and refreshes as it sees fit. Gives the status. */
  async visit(url: string, user: string = USERS[0], process = 0): Promise<number> {
    const { oAuthDb, fetchFn, oAuthChannelFetch } = withOAuthDatabase(
      { oauthDatabase: this.database(process) },
      { role: 'client' },
    )
    const { paymentMakers } = createAccount(user)
    const fetcher = new ATXPFetcher({
      accountId: user,
      db: oAuthDb,
      paymentMakers: paymentMakers as never,
      fetchFn,
      sideChannelFetch: oAuthChannelFetch,
      allowInsecureRequests: true,
      allowedAuthorizationServers: [this.honest.issuer, this.evil.origin] as never,
      logger: silence,
    })
    const answer = await fetcher.fetch(url)
    await answer.body?.cancel()
    return answer.status
  }

  /** The flow of the MCP SDK: it refreshes, or registers and has the user log in, whose browser agrees. */
  async authorize(
    serverUrl: string,
    userId: string = USERS[0],
    process = 0,
  ): Promise<'refreshed' | 'finished'> {
    const db = this.database(process)
    let callbackUrl = ''
    const provider = mcpOAuthProvider({
      db,
      userId,
      serverUrl,
      redirectUrl: 'http://127.0.0.1:9/callback',
      clientMetadata: { client_name: 'fleet' },
      onRedirect: async (url) => {
        callbackUrl = await agreeAt(url, userId)
      },
    })
    if ((await auth(provider, { serverUrl, fetchFn: provider.fetch })) === 'AUTHORIZED')
      return 'refreshed'
    await finishMcpLogin({ db, callbackUrl, userId })
    return 'finished'
  }

  /** As a resource server, asks an issuer about a token. */
  async introspect(issuer: string, process = 0, token = 'a token'): Promise<boolean> {
    const { oAuthDb, oAuthChannelFetch } = withOAuthDatabase(
      { oauthDatabase: this.database(process) },
      { role: 'resource-server' },
    )
    const client = new OAuthResourceClient({
      db: oAuthDb,
      sideChannelFetch: oAuthChannelFetch,
      allowInsecureRequests: true,
      logger: silence,
    })
    return (await client.introspectToken(issuer, token)).active
  }

  /**
   * Nothing that is the honest server's has changed, and the evil one has received none of it.
   * @param told - secrets that the evil server knew already
   */
  async expectUntouched({ told = [] }: { told?: readonly string[] } = {}): Promise<void> {
    expect(await this.#honestRecords()).toEqual(this.#standing)
    expect(await this.#refusedAtHonest()).toEqual([])
    const received = new Set(this.evil.received.match(/[a-z]+(-[a-z]+)*-secret-\d+/g))
    for (const secret of told) received.delete(secret)
    expect(this.#honestSecrets().filter((secret) => received.has(secret))).toEqual([])
    expect([...received].filter((secret) => /^(code|refresh)/.test(secret))).toEqual([])
  }

  /** Users go on with the sessions that they had, and a newcomer with the registration that stands. */
  async expectWell(): Promise<void> {
    const before = this.honest.counters()
    for (const process of [0, 1]) {
      for (const user of USERS)
        expect(await this.visit(this.mcp.url(), user, process)).toBe(WELCOME)
      await this.introspect(this.honest.issuer, process)
    }
    this.honest.expireAccessTokens()
    for (const user of USERS) {
      const statuses = await Promise.all(
        [0, 1].map((process) => this.visit(this.mcp.url(), user, process)),
      )
      expect(statuses).toEqual([WELCOME, WELCOME])
    }
    const flows = [0, 1].map((process) => this.authorize(this.mcp.url(), MCP_USER, process))
    expect(await Promise.all(flows)).toEqual(['refreshed', 'refreshed'])
    expect(await this.visit(this.mcp.url(), NEWCOMER, 1)).toBe(WELCOME)
    expect(this.honest.counters()).toMatchObject({
      registrations: before.registrations,
      refreshes: before.refreshes + USERS.length + 1,
      authorizations: before.authorizations + 1,
      reuseDetections: 0,
      familiesRevoked: 0,
    })
  }

  async #honestRecords(): Promise<Record<string, string | null>> {
    const keys = await this.#bare.keys(`${this.#keyPrefix}~*`)
    const lasting = keys.filter(
      (key) => /~(client|resource|mcp|access):/.test(key) && !key.includes(this.evil.origin),
    )
    const records = await Promise.all(
      lasting.sort().map(async (key) => [key, await this.#bare.get(key)]),
    )
    return Object.fromEntries(records)
  }

  /** Which clients are noted as refused by the honest server. */
  async #refusedAtHonest(): Promise<string[]> {
    const prefix = `${this.#keyPrefix}~refused:`
    const refused = await this.#bare.keys(`${prefix}*`)
    const numbers = Array.from({ length: 1_000 }, (_, index) => index)
    const ids = numbers.flatMap((number) => [`client-${number}`, `evil-client-${number}`])
    return ids.filter((id) => refused.includes(prefix + fingerprint(this.honest.issuer, id)))
  }

  #honestSecrets(): string[] {
    const members = ['clientSecret', 'accessToken', 'refreshToken']
    return Object.values(this.#standing).flatMap((record) => {
      const values = JSON.parse(record ?? '{}')
      return members.map((member) => values[member]).filter((value) => typeof value === 'string')
    })
  }
}
