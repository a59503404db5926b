import { afterEach, beforeEach, onTestFinished } from 'vitest'
import { RedisOAuthDatabase, type RedisOAuthDatabaseOptions } from '../../../src/index.js'
import { type RedisServer, redisMajor, startRedis } from '../servers/redis-server.js'
import { comesToMemory, ISSUER, isFromMemory, URL, USER } from './near-cache-facts.js'

export const token = {
  accessToken: 'access one',
  refreshToken: 'refresh one',
  resourceUrl: URL,
  expiresAt: Date.now() + 3_600_000,
}
export const client = { clientId: 'id', clientSecret: 'secret', redirectUri: URL }

/** A server, and two databases on it, new for each test of the file. */
export class NearCacheScene {
  server!: RedisServer
  /** With a cache. */
  db!: RedisOAuthDatabase
  /** Another process, as far as the first can tell. */
  peer!: RedisOAuthDatabase

  constructor() {
    beforeEach(async () => {
      this.server = await startRedis({
        config: redisMajor() >= 7 ? { 'enable-debug-command': 'yes' } : {},
      })
      this.db = this.open({ cache: true })
      this.peer = this.open()
    })
    afterEach(() => this.server?.stop())
  }

  open(options: RedisOAuthDatabaseOptions = {}): RedisOAuthDatabase {
    const { host, port } = this.server
    const opened = new RedisOAuthDatabase({ host, port, ...options })
    onTestFinished(() => opened.close())
    return opened
  }

  readonly readToken = () => this.db.getToken('a')
  readonly readAccess = () => this.db.getAccessToken(USER, URL)
  readonly readClient = () => this.db.getClientCredentials(ISSUER)

  readonly isKept = (read: () => Promise<unknown>) => isFromMemory(read, this.server)
  readonly isRemembered = (read: () => Promise<unknown>) => comesToMemory(read, this.server)

  /** Those of the test itself aside. */
  async connections(): Promise<{ normal: number; pubsub: number }> {
    const count = async (type: string) => {
      const list = await this.server.cli<string>('CLIENT', 'LIST', 'TYPE', type)
      return list.split('\n').filter((line) => line !== '' && !line.includes('name=test-admin'))
        .length
    }
    return { normal: await count('normal'), pubsub: await count('pubsub') }
  }
}
