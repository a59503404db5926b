import type { FetchLike } from '../leaves/contract.js'

// The shapes of the MCP SDKs that this library speaks, written out so that nobody has to install one for them. test/types/mcp.ts
// holds them against each SDK's own.

/** What a token endpoint gives (RFC 6749 section 5.1), with the stamps of whichever SDK saved it. */
export interface McpTokens {
  access_token: string
  token_type: string
  refresh_token?: string | undefined
  /** Seconds; what is left of them at the time of a read. */
  expires_in?: number | undefined
  scope?: string | undefined
  id_token?: string | undefined
  /** The authorization server that issued them. */
  issuer?: string | undefined
  authorization_server?: string | undefined
  token_endpoint?: string | undefined
}

/** A client as its authorization server knows it (RFC 7591 section 3.2.1), with the stamps of whichever SDK saved it. */
export interface McpClientInformation {
  client_id: string
  client_secret?: string | undefined
  client_id_issued_at?: number | undefined
  client_secret_expires_at?: number | undefined
  issuer?: string | undefined
  authorization_server?: string | undefined
  token_endpoint?: string | undefined
}

/** What a client says of itself when it registers (RFC 7591 section 2). */
export interface McpClientMetadata {
  redirect_uris?: string[]
  token_endpoint_auth_method?: string
  grant_types?: string[]
  response_types?: string[]
  client_name?: string
  client_uri?: string
  logo_uri?: string
  scope?: string
  contacts?: string[]
  tos_uri?: string
  policy_uri?: string
  jwks_uri?: string
  // biome-ignore lint/suspicious/noExplicitAny: as the SDKs have it
  jwks?: any
  software_id?: string
  software_version?: string
  software_statement?: string
}

/** What an SDK found out of a server's authorization server. */
export interface McpDiscoveryState {
  authorizationServerUrl: string
  resourceMetadataUrl?: string
  // biome-ignore lint/suspicious/noExplicitAny: as the SDKs have it, each by a type of its own
  authorizationServerMetadata?: any
  // biome-ignore lint/suspicious/noExplicitAny: as the SDKs have it, each by a type of its own
  resourceMetadata?: any
}

/** What `@ai-sdk/mcp` binds credentials to. */
export interface McpAuthorizationServer {
  issuer?: string
  authorizationServerUrl: string
  tokenEndpoint: string
}

/** The global `fetch` of the program that compiles this. */
export type McpFetch = typeof globalThis extends {
  fetch: infer Fetch extends (...args: never) => unknown
}
  ? (...args: Parameters<Fetch>) => ReturnType<Fetch>
  : FetchLike

/** What `invalidateCredentials` deletes. */
export type McpCredentialsScope = 'all' | 'client' | 'tokens' | 'verifier' | 'discovery'

/**
 * An `OAuthClientProvider` of `@modelcontextprotocol/sdk` 1.x, of `@modelcontextprotocol/client` 2.x and of `@ai-sdk/mcp`. Its members are
 * its own, so `{ ...provider, addClientAuthentication }` adds what your SDK can have besides.
 */
export interface McpOAuthProvider {
  /** For the transport, beside the provider itself: without it nothing is coordinated. */
  readonly fetch: McpFetch
  readonly redirectUrl: string
  readonly clientMetadata: McpClientMetadata & { redirect_uris: string[] }
  readonly clientMetadataUrl?: string
  /** The `state` of a new login. Rejects with why the session could not be renewed if it stands as it was: then no login is due. */
  state(): Promise<string>
  /** The `state` of the login that {@link McpOAuthProvider.codeVerifier} gives the verifier of. */
  storedState(): Promise<string | undefined>
  clientInformation(context?: { issuer: string }): Promise<McpClientInformation | undefined>
  /** Absent if the client was registered beforehand. */
  saveClientInformation?: (
    information: McpClientInformation,
    context?: { issuer: string },
  ) => Promise<void>
  isClientInformationDynamicallyRegistered(): boolean
  /** Of the newest login, for `@ai-sdk/mcp`; absent unless the client was registered beforehand. */
  authorizationServerInformation?: () => Promise<McpAuthorizationServer | undefined>
  /** For `@ai-sdk/mcp`; absent unless the client was registered beforehand. */
  saveAuthorizationServerInformation?: (server: McpAuthorizationServer) => void
  /** One round trip, or none with `cache`. */
  tokens(context?: { issuer: string }): Promise<McpTokens | undefined>
  saveTokens(tokens: McpTokens, context?: { issuer: string }): Promise<void>
  /** Saves the login, then calls `onRedirect`. */
  redirectToAuthorization(authorizationUrl: URL): Promise<void>
  saveCodeVerifier(codeVerifier: string): void
  /**
   * The verifier of the newest login, once. For an SDK's own `finishAuth(code)`, which does not say of which login the code is;
   * {@link finishMcpLogin} knows.
   * @throws RedisOAuthDatabaseError `LOGIN_NOT_FOUND`
   */
  codeVerifier(): Promise<string>
  saveDiscoveryState(state: McpDiscoveryState): void
  /** What the newest login was begun with; undefined where there is none under way. */
  discoveryState(): Promise<McpDiscoveryState | undefined>
  /** Deletes what was refused, and only if it still stands there. To log a user out use `revokeSession` of `@atxp/redis/admin`. */
  invalidateCredentials(scope: McpCredentialsScope, context?: { tokens: McpTokens }): Promise<void>
}
