import type { Composition } from '../../database/composition.js'
import { operationsOf } from '../../database/operations-of.js'
import type { RedisOAuthDatabase } from '../../database/redis-oauth-database.js'
import type { FetchLike } from '../../leaves/contract.js'
import { codeIn } from '../../leaves/errors.js'
import { type ChecksOf, callback, optional, wholeMembers } from '../../options/checks.js'
import { database, url, user } from '../checks.js'
import { Registrations } from '../registrations.js'
import { recordOf } from '../token-record.js'
import { isSameIssuer, learnServer } from '../trust.js'
import { redeemCode } from './code-exchange.js'
import { errorCode, loginFailed, loginNotFound } from './failures.js'
import { type Login, Logins, publishLoginEnd } from './logins.js'

/** What `finishMcpLogin` takes. */
export interface FinishMcpLoginOptions {
  /**
   * The database of the provider.
   * @example
   * ```ts
   * const db = RedisOAuthDatabase.fromEnv()
   * ```
   */
  readonly db: RedisOAuthDatabase
  /**
   * The URL that the browser came back to, or its path and query: `req.url`.
   * @example
   * ```ts
   * const callbackUrl = '/callback?code=code&state=state'
   * ```
   */
  readonly callbackUrl: string | URL
  /** The user who is logged in to the application in this browser. Nobody else's login is finished (RFC 9700 section 4.7). */
  readonly userId: string
  /**
   * Sends the request for the tokens; the global `fetch` if left out.
   * @example
   * ```ts
   * const fetchFn: typeof fetch = (input, init) => fetch(input, { ...init, keepalive: false })
   * ```
   */
  readonly fetch?: FetchLike | undefined
}

/** A request's own URL is without an origin, which does not matter. */
const BASE = 'http://localhost'

const checkOptions = wholeMembers('an object', {
  db: database,
  callbackUrl: url('the URL of the callback', BASE),
  userId: user,
  fetch: optional(callback),
} satisfies ChecksOf<FinishMcpLoginOptions>)

/** A login that was finished. */
export interface FinishedMcpLogin {
  /** The MCP server at which the user is logged in now. */
  readonly serverUrl: string
}

/**
 * Finishes a login that a provider has begun in any process: finds it by the `state` of the callback, once, checks `iss` (RFC 9207),
 * redeems the code and saves the tokens, which every process then has. Two round trips, three with `encryption`, and one request to the
 * authorization server.
 * @throws TypeError that names the option that is wrong and what it takes
 * @throws RedisOAuthDatabaseError `LOGIN_NOT_FOUND` if this user has begun no login with this `state`, or it was finished already, or took
 * longer than `pkceTtl`, 10 minutes; `LOGIN_FAILED` if the user or the authorization server refused, the callback is of another
 * authorization server, or that is away: then the same callback can finish the login later
 * @example
 * ```ts
 * import { finishMcpLogin } from '@atxp/redis/mcp'
 *
 * try {
 *   await finishMcpLogin({ db, callbackUrl: '/callback?code=code&state=state', userId: 'user_123' })
 * } catch (error) {
 *   if (error instanceof RedisOAuthDatabaseError) console.log(error.code) // LOGIN_NOT_FOUND
 * }
 * ```
 */
export async function finishMcpLogin(options: FinishMcpLoginOptions): Promise<FinishedMcpLogin> {
  checkOptions(options, 'options')
  const { db, userId, callbackUrl, fetch } = options
  const { searchParams: parameters } = new URL(callbackUrl, BASE)
  const client = {}
  const coordinated = db.coordinatedFetch(fetch, client)
  return operationsOf(db).runSteps('finishMcpLogin', async (parts) => {
    const state = parameters.get('state')
    const logins = new Logins(parts)
    const login = state ? await logins.take(userId, state) : undefined
    if (login === undefined) throw loginNotFound()
    try {
      checkIssuer(login, parameters.get('iss'))
      const code = codeOf(parameters)
      learnServer(parts.coordination, client, login.discovery)
      const tokens = await redeemCode(login, code, coordinated, {
        keep: () => logins.save(userId, login),
        forgetClient: () => forgetClient(parts, login),
      })
      const record = recordOf(tokens, login.serverUrl, Date.now())
      await parts.coordination.saveAccessToken(userId, login.serverUrl, record)
    } catch (error) {
      publishLoginEnd(login, { code: codeIn(error) })
      throw error
    }
    publishLoginEnd(login)
    return { serverUrl: login.serverUrl }
  })
}

/** The word of one authorization server, on its own client. Never rejects: the next login meets the same refusal. */
async function forgetClient(parts: Composition, login: Login): Promise<void> {
  const { client, discovery, redirectUrl } = login
  const { issuer = discovery.authorizationServerUrl } = client
  if (!isSameIssuer(issuer, discovery.authorizationServerUrl)) return
  await new Registrations(parts, redirectUrl).forget(issuer, client).catch(() => undefined)
}

function codeOf(parameters: URLSearchParams): string {
  const code = parameters.get('code')
  if (code) return code
  const why = errorCode(': ', parameters.get('error'))
  throw loginFailed(`the authorization server gave no code${why}`)
}

/** RFC 9207 section 2.4. Metadata may name an issuer that is not its server, so the server that was asked for it counts too. */
function checkIssuer({ discovery }: Login, iss: string | null): void {
  const { authorizationServerUrl, authorizationServerMetadata } = discovery
  const { issuer = iss, authorization_response_iss_parameter_supported: isPromised } = Object(
    authorizationServerMetadata,
  ) as Record<string, unknown>
  const isMeant =
    iss === null ? isPromised !== true : iss === issuer && isSameIssuer(iss, authorizationServerUrl)
  if (!isMeant) {
    throw loginFailed(
      'the callback comes from another authorization server than the login began at',
    )
  }
}
