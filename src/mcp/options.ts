import { operationsOf } from '../database/operations-of.js'
import type { RedisOAuthDatabase } from '../database/redis-oauth-database.js'
import type { FetchLike } from '../leaves/contract.js'
import { checkPart } from '../record/keys.js'
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

const OPTIONS: Readonly<Record<keyof McpOAuthProviderOptions, true>> = {
  db: true,
  userId: true,
  serverUrl: true,
  redirectUrl: true,
  clientMetadata: true,
  clientMetadataUrl: true,
  clientInformation: true,
  onRedirect: true,
  fetch: true,
}

/** @throws TypeError that names the option that is wrong and what it takes */
export function checkOptions(options: McpOAuthProviderOptions): void {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError('mcpOAuthProvider takes an object of options')
  }
  for (const name of Object.keys(options)) {
    if (!(name in OPTIONS)) throw new TypeError(`options.${name} is not an option`)
  }
  const { db, userId, clientMetadata, clientInformation, onRedirect } = options
  operationsOf(db)
  checkPart('options.userId', userId)
  if (typeof clientMetadata !== 'object' || clientMetadata === null) {
    throw new TypeError('options.clientMetadata must be an object')
  }
  if (clientInformation !== undefined && typeof clientInformation?.client_id !== 'string') {
    throw new TypeError('options.clientInformation must be an object with a client_id')
  }
  if (typeof onRedirect !== 'function') {
    throw new TypeError('options.onRedirect must be a function')
  }
}

/** @throws TypeError that names the option */
export function urlOf(option: string, value: unknown): URL {
  try {
    return new URL(String(value))
  } catch {
    throw new TypeError(`options.${option} must be an absolute URL`)
  }
}
