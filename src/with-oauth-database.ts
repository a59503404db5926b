import type { FetchLike, OAuthDb } from './contract.js'
import { ClientSession } from './oauth/session/client-session.js'
import type { RedisOAuthDatabase } from './redis-oauth-database.js'

/** Which side of OAuth the options are for: the client that asks for tokens, or the resource server that checks them. */
export type OAuthRole = 'client' | 'resource-server'

/** Options of `atxpClient` or of the server, with the database under the reference's name. */
export interface OAuthDatabaseOption {
  readonly oauthDatabase: RedisOAuthDatabase
  readonly fetchFn?: FetchLike | undefined
  readonly oAuthChannelFetch?: FetchLike | undefined
}

/** What the published SDK reads in their place. */
export interface SdkOptions {
  readonly oAuthDb: OAuthDb
  readonly fetchFn: FetchLike
  readonly oAuthChannelFetch: FetchLike
}

/** The class `OAuthAuthenticationRequiredError` of `@atxp/client`. */
export interface AuthenticationRequired {
  create(url: string, resourceServerUrl: string): Promise<Error>
}

export interface WithOAuthDatabaseOptions {
  /**
   * Each role has its own registration with an authorization server.
   * @defaultValue `'client'` where the options name an `mcpServer`, else `'resource-server'`
   */
  readonly role?: OAuthRole | undefined
  /**
   * The SDK's class of that name. Thrown when a refresh token is refused, it makes the same call authorize anew.
   * @defaultValue the one of the `@atxp/client` that is installed; without it the client's next call authorizes
   */
  readonly OAuthAuthenticationRequiredError?: AuthenticationRequired | undefined
}

/**
 * Turns `{ ..., oauthDatabase: db }` into options that the published ATXP SDK understands: the database as `oAuthDb`, and
 * both kinds of `fetch` coordinated, so that a fleet refreshes and registers once.
 * @throws TypeError when `oauthDatabase` is no `RedisOAuthDatabase`, or the second argument is not what it takes
 * @example
 * ```ts
 * const options = withOAuthDatabase({ destination: '0xabc', oauthDatabase: db })
 * console.log(Object.keys(options)) // [ 'destination', 'oAuthDb', 'fetchFn', 'oAuthChannelFetch' ]
 * ```
 */
export function withOAuthDatabase<Options extends OAuthDatabaseOption>(
  options: Options,
  wiring: WithOAuthDatabaseOptions = {},
): Omit<Options, keyof OAuthDatabaseOption> & SdkOptions {
  checkOptions(options, wiring)
  const { role, OAuthAuthenticationRequiredError } = wiring
  const { oauthDatabase: db, fetchFn, oAuthChannelFetch = fetchFn, ...others } = options
  const isClient = (role ?? ('mcpServer' in options ? 'client' : 'resource-server')) === 'client'
  // One object for both: which token a resource server refused tells which one has to be renewed. An account logs in by itself;
  // without one a person may have to.
  const session = isClient ? new ClientSession({ isInteractive: !hasAccount(options) }) : undefined
  const coordination = {
    session,
    authorizeAnew: async ({ url, resourceUrl }: { url: string; resourceUrl: string }) => {
      const AuthenticationRequired = OAuthAuthenticationRequiredError ?? (await installedError())
      return AuthenticationRequired?.create(url, resourceUrl) ?? null
    },
  }
  if (session) session.refreshFetch = db.coordinatedFetch(oAuthChannelFetch, { session })
  return {
    ...others,
    oAuthDb: session ? session.watch(db) : db.forResourceServer(),
    fetchFn: db.coordinatedFetch(fetchFn, coordination),
    oAuthChannelFetch: db.coordinatedFetch(oAuthChannelFetch, coordination),
  }
}

const ROLES: readonly unknown[] = ['client', 'resource-server']
const WIRING: readonly string[] = ['role', 'OAuthAuthenticationRequiredError']

function checkOptions(options: unknown, wiring: unknown): void {
  const { oauthDatabase } = Object(options) as Partial<OAuthDatabaseOption>
  if (!isDatabase(oauthDatabase)) {
    throw new TypeError(
      'withOAuthDatabase takes the options of the SDK with a RedisOAuthDatabase as oauthDatabase: { ..., oauthDatabase: db }',
    )
  }
  const { role, OAuthAuthenticationRequiredError: error, ...others } = Object(wiring)
  const unknown = Object.keys(others)[0]
  if (unknown !== undefined || wiring === null || typeof wiring !== 'object') {
    throw new TypeError(
      `the second argument of withOAuthDatabase takes ${WIRING.join(' and ')} only`,
    )
  }
  if (role !== undefined && !ROLES.includes(role)) {
    throw new TypeError("role must be 'client' or 'resource-server'")
  }
  if (error !== undefined && typeof error?.create !== 'function') {
    throw new TypeError('OAuthAuthenticationRequiredError must be the class of @atxp/client')
  }
}

// Not by `instanceof`: a program may have two copies of this package.
function isDatabase(given: unknown): boolean {
  const { coordinatedFetch, forResourceServer, getAccessToken } = Object(
    given,
  ) as Partial<RedisOAuthDatabase>
  return [coordinatedFetch, forResourceServer, getAccessToken].every(
    (method) => typeof method === 'function',
  )
}

function hasAccount(options: object): boolean {
  return Boolean((options as { account?: unknown }).account)
}

async function installedError(): Promise<AuthenticationRequired | undefined> {
  // Not a literal: it is an optional peer, which compilers and bundlers must not look for.
  const client: string = '@atxp/client'
  try {
    const { OAuthAuthenticationRequiredError } = await import(client)
    return OAuthAuthenticationRequiredError
  } catch {
    return undefined
  }
}
