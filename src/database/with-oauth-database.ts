import type { FetchLike, OAuthDb } from '../leaves/contract.js'
import { publishSession } from '../leaves/diagnostics.js'
import { ClientSession } from '../oauth/session/client-session.js'
import type { RedisOAuthDatabase } from './redis-oauth-database.js'
import { type ResourceClient, type ResourceClientClass, resourceClient } from './resource-client.js'

/** Which side of OAuth the options are for: the client that asks for tokens, or the resource server that checks them. */
export type OAuthRole = 'client' | 'resource-server'

/** Options of `atxpClient` or of the server, with the database under the reference's name. */
export interface OAuthDatabaseOption {
  /**
   * The database. You made it, so you close it.
   * @example
   * ```ts
   * const { oAuthDb } = withOAuthDatabase({ oauthDatabase: db })
   * ```
   */
  readonly oauthDatabase: RedisOAuthDatabase
  /**
   * Sends the requests to resource servers; the global `fetch` if left out.
   * @example
   * ```ts
   * const fetchFn: typeof fetch = (input, init) => fetch(input, { ...init, keepalive: false })
   * const options = withOAuthDatabase({ fetchFn, oauthDatabase: db })
   * ```
   */
  readonly fetchFn?: FetchLike | undefined
  /**
   * Sends the requests to authorization servers; `fetchFn` if left out.
   * @example
   * ```ts
   * const oAuthChannelFetch: typeof fetch = (input, init) => fetch(input, { ...init, cache: 'no-store' })
   * const options = withOAuthDatabase({ oAuthChannelFetch, oauthDatabase: db })
   * ```
   */
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

/**
 * What a server's options have besides: the client by which it asks the authorization server, with a coordinated channel. Its type is
 * that of the class that is passed, or of the parameter that the options are an argument for, else `ResourceClient`.
 */
export interface ServerOptions<Client> {
  /** Undefined where `@atxp/common` is not installed beside this package: then the server makes its own. */
  readonly oAuthClient: NonNullable<Client>
}

export interface WithOAuthDatabaseOptions<
  Client = ResourceClient,
  Role extends OAuthRole = OAuthRole,
> {
  /**
   * Each role has its own registration with an authorization server.
   * @defaultValue `'client'` where the options name an `mcpServer`, else `'resource-server'`
   * @example
   * ```ts
   * const options = withOAuthDatabase({ oauthDatabase: db }, { role: 'client' })
   * ```
   */
  readonly role?: Role | undefined
  /**
   * The SDK's class of that name. Thrown when a refresh token is refused, it makes the same call log in again.
   * @defaultValue that of the installed `@atxp/client`; without it the client's next call logs in
   * @example
   * ```ts compile-only
   * import { OAuthAuthenticationRequiredError } from '@atxp/client'
   *
   * const options = withOAuthDatabase(
   *   { mcpServer: 'https://browse.mcp.atxp.ai/', oauthDatabase: db },
   *   { OAuthAuthenticationRequiredError },
   * )
   * ```
   */
  readonly OAuthAuthenticationRequiredError?: AuthenticationRequired | undefined
  /**
   * The class of `@atxp/common` of that name, for a server. If given, `oAuthClient` has its type.
   * @defaultValue that of the installed `@atxp/common`; without it the server registers uncoordinated
   * @example
   * ```ts compile-only
   * import { OAuthResourceClient } from '@atxp/common'
   *
   * const { oAuthClient } = withOAuthDatabase({ oauthDatabase: db }, { OAuthResourceClient })
   * ```
   */
  readonly OAuthResourceClient?: ResourceClientClass<Client> | undefined
}

/** The role that options have unless they are told one. */
export type RoleOf<Options> = Options extends { readonly mcpServer: unknown }
  ? 'client'
  : 'resource-server'

/** What `withOAuthDatabase` returns. A server's own `oAuthClient` stays what it is. */
export type SdkOptionsOf<
  Options extends OAuthDatabaseOption,
  Client,
  Role extends OAuthRole = RoleOf<Options>,
> = Omit<Options, keyof OAuthDatabaseOption> &
  SdkOptions &
  ([Role] extends ['client']
    ? unknown
    : Options extends { readonly oAuthClient: object }
      ? unknown
      : ServerOptions<Client>)

/**
 * Turns `{ ..., oauthDatabase: db }` into options that the published ATXP SDK understands: the database as `oAuthDb`, and
 * both kinds of `fetch` coordinated, so that a fleet refreshes, registers and logs in once. A server's options get an `oAuthClient`
 * as well, unless they have one.
 * @throws TypeError when `oauthDatabase` is no `RedisOAuthDatabase`, or the second argument is not what it takes
 * @example
 * ```ts
 * const options = withOAuthDatabase({ mcpServer: 'https://browse.mcp.atxp.ai/', oauthDatabase: db })
 * console.log(Object.keys(options)) // [ 'mcpServer', 'oAuthDb', 'fetchFn', 'oAuthChannelFetch' ]
 * ```
 */
export function withOAuthDatabase<
  Options extends OAuthDatabaseOption,
  Client = ResourceClient,
  Role extends OAuthRole = RoleOf<Options>,
>(
  options: Options,
  wiring: WithOAuthDatabaseOptions<Client, Role> = {},
): SdkOptionsOf<Options, Client, Role> {
  checkOptions(options, wiring)
  const { role, OAuthAuthenticationRequiredError, OAuthResourceClient } = wiring
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
  const sdkOptions = {
    oAuthDb: session ? session.watch(db) : db.forResourceServer(),
    fetchFn: db.coordinatedFetch(fetchFn, coordination),
    oAuthChannelFetch: db.coordinatedFetch(oAuthChannelFetch, coordination),
  }
  const whole = session
    ? { ...others, ...sdkOptions }
    : { ...others, ...sdkOptions, ...serverOptions(others, sdkOptions, OAuthResourceClient) }
  return whole as SdkOptionsOf<Options, Client, Role>
}

/** By what the SDK calls them where it makes such a client itself. */
function serverOptions<Client>(
  options: object,
  { oAuthDb, oAuthChannelFetch }: SdkOptions,
  given: ResourceClientClass<Client> | undefined,
): object {
  const { allowHttp, payeeName, logger, oAuthClient } = options as Record<string, unknown>
  if (oAuthClient !== undefined) return {}
  const client = resourceClient(given, {
    db: oAuthDb,
    sideChannelFetch: oAuthChannelFetch,
    allowInsecureRequests: allowHttp,
    clientName: payeeName,
    logger,
  })
  return client === undefined ? {} : { oAuthClient: client }
}

const ROLES: readonly unknown[] = ['client', 'resource-server']
const WIRING: readonly string[] = [
  'role',
  'OAuthAuthenticationRequiredError',
  'OAuthResourceClient',
]

function checkOptions(options: unknown, wiring: unknown): void {
  const { oauthDatabase } = Object(options) as Partial<OAuthDatabaseOption>
  if (!isDatabase(oauthDatabase)) {
    throw new TypeError(
      'withOAuthDatabase takes the options of the SDK with a RedisOAuthDatabase as oauthDatabase: { ..., oauthDatabase: db }',
    )
  }
  const {
    role,
    OAuthAuthenticationRequiredError: error,
    OAuthResourceClient,
    ...others
  } = Object(wiring)
  const unknown = Object.keys(others)[0]
  if (unknown !== undefined || wiring === null || typeof wiring !== 'object') {
    throw new TypeError(`the second argument of withOAuthDatabase takes ${WIRING.join(', ')} only`)
  }
  if (role !== undefined && !ROLES.includes(role)) {
    throw new TypeError("role must be 'client' or 'resource-server'")
  }
  if (error !== undefined && typeof error?.create !== 'function') {
    throw new TypeError('OAuthAuthenticationRequiredError must be the class of @atxp/client')
  }
  if (OAuthResourceClient !== undefined && typeof OAuthResourceClient !== 'function') {
    throw new TypeError('OAuthResourceClient must be the class of @atxp/common')
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

let isTold = false

async function installedError(): Promise<AuthenticationRequired | undefined> {
  // Not a literal, and ignored by webpack: it is an optional peer, which compilers and bundlers must not look for.
  const client: string = '@atxp/client'
  try {
    const { OAuthAuthenticationRequiredError: found } = await import(
      /* webpackIgnore: true */ client
    )
    if (found !== undefined) return found
  } catch {
    // What the caller has to hear is that the refresh was refused.
  }
  publishSession('errorClassMissing')
  if (!isTold) {
    isTold = true
    process.emitWarning(
      '@atxp/client cannot be loaded from here, as in a bundle. A call whose refresh token is refused fails, and the next one logs in. ' +
        'Pass { OAuthAuthenticationRequiredError } of @atxp/client to withOAuthDatabase, and the same call does',
      { code: 'ATXP_REDIS_NO_ERROR_CLASS' },
    )
  }
  return undefined
}
