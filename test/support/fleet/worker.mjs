import { createRequire } from 'node:module'
import { atxpClient, OAuthClient } from '@atxp/client'
import { MemoryOAuthDb, OAuthResourceClient } from '@atxp/common'
import { encryptionHooks } from '../databases/encryption-hooks.mjs'
import { PublishedOAuthDb } from '../databases/published-oauth-db.mjs'
import { serve } from '../processes/process-child.mjs'
import { createAccount } from './account.mjs'
import { UncoordinatedDatabase } from './uncoordinated-database.mjs'

/**
 * @typedef {{ kind: 'memory' }
 *   | { kind: 'uncoordinated', url: string, keyPrefix: string }
 *   | { kind: 'published', url: string, secret: string }
 *   | { kind: 'redis', options: Record<string, unknown>, wrap: boolean }} DatabaseChoice
 * @typedef {{ issuer: string, mcpOrigin: string, accountId: string, database: DatabaseChoice }} WorkerSetup
 * @typedef {{ name: string, message: string, code: string | null }} Failure
 * @typedef {{ ok: number, failed: number, failures: Failure[], slowestMs: number }} Outcome
 */

const CALL_TIMEOUT_MS = 30_000
const silence = { debug() {}, info() {}, warn() {}, error() {} }
const load = createRequire(import.meta.url)

/** @type {WorkerSetup} */
let setup
/** @type {any} */
let database
/** @type {Map<string, import('@modelcontextprotocol/sdk/client/index.js').Client>} */
const clients = new Map()

const commands = {
  /** @param {WorkerSetup} next a handle of its own on this database; clients of the setup before are closed */
  async configure(next) {
    await commands.close()
    setup = next
    database = openDatabase(next.database)
  },

  /**
   * @param {{ path?: string }} [options]
   * @returns {Promise<Outcome>}
   */
  connect({ path = '/mcp' } = {}) {
    return measure([
      async () => {
        clients.set(path, await atxpClient(clientConfig(path)))
      },
    ])
  },

  /**
   * Calls the tool `times` times, one after the other or all at once.
   * @param {{ times?: number, parallel?: boolean, path?: string }} [options]
   * @returns {Promise<Outcome>}
   */
  call({ times = 1, parallel = false, path = '/mcp' } = {}) {
    const call = async () => {
      const client = clients.get(path)
      if (!client) throw new Error(`not connected to ${path}`)
      const request = { name: 'whoami', arguments: {} }
      const answer = /** @type {any} */ (
        await client.callTool(request, undefined, { timeout: CALL_TIMEOUT_MS })
      )
      const text = answer.content[0]?.text
      if (text !== `${setup.accountId} at ${path}`) throw new Error(`answered as ${text}`)
    }
    return measure(Array(times).fill(call), parallel)
  },

  /**
   * Authorizes as far as the redirect that carries the code, which any process may then finish.
   * @param {{ path?: string }} [options]
   * @returns {Promise<string>}
   */
  async beginLogin({ path = '/mcp' } = {}) {
    const url = `${setup.mcpOrigin}${path}`
    const authorizationUrl = await oauthClient(path).makeAuthorizationUrl(url, url)
    const codeChallenge = authorizationUrl.searchParams.get('code_challenge') ?? ''
    const maker = createAccount(setup.accountId).paymentMakers.base
    const response = await fetch(`${authorizationUrl}&redirect=false`, {
      headers: { authorization: `Bearer ${await maker.generateJWT({ codeChallenge })}` },
    })
    const { redirect } = /** @type {any} */ (await response.json())
    return redirect
  },

  /**
   * @param {{ redirect: string, path?: string }} options
   * @returns {Promise<Outcome>}
   */
  finishLogin({ redirect, path = '/mcp' }) {
    return measure([() => oauthClient(path).handleCallback(redirect)])
  },

  /**
   * As a resource server: asks the authorization server about the access token that this process would call with.
   * @param {{ path?: string }} [options]
   * @returns {Promise<Outcome>}
   */
  introspect({ path = '/mcp' } = {}) {
    const introspect = async () => {
      const held = await database.getAccessToken(setup.accountId, `${setup.mcpOrigin}${path}`)
      const { oAuthDb, oAuthChannelFetch = fetch } = withDatabase({})
      const resourceClient = new OAuthResourceClient({
        db: oAuthDb,
        sideChannelFetch: oAuthChannelFetch,
        allowInsecureRequests: true,
        logger: silence,
      })
      const { active } = await resourceClient.introspectToken(setup.issuer, held.accessToken)
      if (!active) throw new Error('the access token is not active')
    }
    return measure([introspect])
  },

  /** Closes the clients and the database. */
  async close() {
    await Promise.all([...clients.values()].map((client) => client.close()))
    clients.clear()
    await database?.close()
    database = undefined
  },
}

/** @param {DatabaseChoice} choice */
function openDatabase(choice) {
  switch (choice.kind) {
    case 'memory':
      return new MemoryOAuthDb({ logger: silence })
    case 'uncoordinated':
      return new UncoordinatedDatabase(choice)
    case 'published':
      return new PublishedOAuthDb({ redis: choice.url, ...encryptionHooks(choice.secret) })
    case 'redis': {
      const { RedisOAuthDatabase } = load('../../../dist/index.js')
      return new RedisOAuthDatabase(choice.options)
    }
  }
}

/**
 * @param {string} path
 * @returns {any}
 */
function clientConfig(path) {
  const config = {
    mcpServer: `${setup.mcpOrigin}${path}`,
    account: createAccount(setup.accountId),
    allowedAuthorizationServers: [setup.issuer],
    allowHttp: true,
    logger: silence,
  }
  return withDatabase(config)
}

/**
 * @param {Record<string, unknown>} options
 * @returns {any}
 */
function withDatabase(options) {
  if (setup.database.kind !== 'redis' || !setup.database.wrap) {
    return { ...options, oAuthDb: database }
  }
  const { withOAuthDatabase } = load('../../../dist/index.js')
  return withOAuthDatabase({ ...options, oauthDatabase: database })
}

/** @param {string} path */
function oauthClient(path) {
  const { oAuthChannelFetch = fetch } = clientConfig(path)
  return new OAuthClient({
    userId: setup.accountId,
    db: database,
    callbackUrl: 'http://127.0.0.1/unused-callback',
    isPublic: false,
    sideChannelFetch: oAuthChannelFetch,
    strict: true,
    allowInsecureRequests: true,
    logger: silence,
  })
}

/**
 * @param {Array<() => Promise<unknown>>} works
 * @param {boolean} [parallel]
 * @returns {Promise<Outcome>}
 */
async function measure(works, parallel = false) {
  /** @type {Failure[]} */
  const failures = []
  let slowestMs = 0
  const attempt = async (/** @type {() => Promise<unknown>} */ work) => {
    const startedAt = performance.now()
    await work().catch((error) => {
      failures.push({ name: error.name, message: error.message, code: error.code ?? null })
    })
    slowestMs = Math.max(slowestMs, performance.now() - startedAt)
  }
  if (parallel) await Promise.all(works.map(attempt))
  else for (const work of works) await attempt(work)
  return { ok: works.length - failures.length, failed: failures.length, failures, slowestMs }
}

serve(commands)
