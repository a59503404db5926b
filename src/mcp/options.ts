import type { RedisOAuthDatabase } from '../database/redis-oauth-database.js'
import type { FetchLike } from '../leaves/contract.js'
import {
  type Check,
  type ChecksOf,
  callback,
  isRecord,
  optional,
  value,
  wholeMembers,
} from '../options/checks.js'
import { database, url, user } from './checks.js'
import type { McpClientInformation, McpClientMetadata } from './shapes.js'

/** What `mcpOAuthProvider` takes. */
export interface McpOAuthProviderOptions {
  /**
   * Where the session is kept.
   * @example
   * ```ts
   * const db = RedisOAuthDatabase.fromEnv()
   * ```
   */
  readonly db: RedisOAuthDatabase
  /** Whose session it is: as your application names the user who is logged in to it. */
  readonly userId: string
  /**
   * The MCP server. Its session is the access token record of this user and URL.
   * @example
   * ```ts
   * const serverUrl = new URL('https://server.example/mcp')
   * ```
   */
  readonly serverUrl: string | URL
  /**
   * Where authorization servers send the browser back to.
   * @example
   * ```ts
   * const redirectUrl = 'https://app.example/callback'
   * ```
   */
  readonly redirectUrl: string | URL
  /**
   * What the application says of itself when it registers.
   * @defaultValue of `redirect_uris`, `grant_types` and `response_types`: what a client with `redirectUrl` needs that renews its tokens
   * @example
   * ```ts
   * const clientMetadata = { client_name: 'My app', scope: 'mcp:tools' }
   * ```
   */
  readonly clientMetadata: McpClientMetadata
  /**
   * The URL of a client ID metadata document: the client id at authorization servers that take such.
   * @example
   * ```ts
   * const clientMetadataUrl = 'https://app.example/client.json'
   * ```
   */
  readonly clientMetadataUrl?: string | undefined
  /**
   * The client, if it was registered beforehand. With `issuer`, no other authorization server gets its secret.
   * @example
   * ```ts
   * const clientInformation = { client_id: 'my-app', client_secret: 'secret', issuer: 'https://auth.example' }
   * ```
   */
  readonly clientInformation?: McpClientInformation | undefined
  /**
   * Sends the user's browser to the authorization server. Where there is none, as in a worker, throw what your caller should get.
   * @example
   * ```ts
   * const onRedirect = (url: URL) => console.log(`Log in at ${url}`)
   * ```
   */
  readonly onRedirect: (authorizationUrl: URL) => void | Promise<void>
  /**
   * Sends all requests; the global `fetch` if left out.
   * @example
   * ```ts
   * const fetchFn: typeof fetch = (input, init) => fetch(input, { ...init, keepalive: false })
   * ```
   */
  readonly fetch?: FetchLike | undefined
}

const absoluteUrl = url('an absolute URL')

const OPTIONS: ChecksOf<McpOAuthProviderOptions> = {
  db: database,
  userId: user,
  serverUrl: absoluteUrl,
  redirectUrl: absoluteUrl,
  clientMetadata: value('an object', isRecord),
  clientMetadataUrl: optional(absoluteUrl),
  clientInformation: optional(
    value('an object with a client_id', (given) => typeof Object(given).client_id === 'string'),
  ),
  onRedirect: callback,
  fetch: optional(callback),
}

/** Throws a `TypeError` that names the option that is wrong and what it takes. */
export const checkOptions: Check = wholeMembers('an object', OPTIONS)
