import { randomBytes } from 'node:crypto'
import type { Composition } from '../database/composition.js'
import type { Operations } from '../database/operations.js'
import { operationsOf } from '../database/operations-of.js'
import type { RedisOAuthDatabase } from '../database/redis-oauth-database.js'
import { publishSession } from '../leaves/diagnostics.js'
import { serverOf, stampsOf } from './ai-sdk.js'
import { ClientMemory } from './client-memory.js'
import { loginNotFound } from './login/failures.js'
import { type Login, Logins } from './login/logins.js'
import { checkOptions, type McpOAuthProviderOptions } from './options.js'
import { Registrations } from './registrations.js'
import type {
  McpAuthorizationServer,
  McpClientInformation,
  McpDiscoveryState,
  McpFetch,
  McpOAuthProvider,
  McpTokens,
} from './shapes.js'
import { recordOf, tokensOf } from './token-record.js'
import { learnServer, withOwnMetadata } from './trust.js'
import { watchedFetch } from './watched-fetch.js'

/**
 * Returns the `OAuthClientProvider` of one user at one MCP server, and the `fetch` for its transport. All processes that share the
 * database refresh once, register once, and leave a failing authorization server in peace. No round trip.
 *
 * A refresh that fails for a passing reason, as `TIMEOUT` or an authorization server that is away, rejects the call: the session
 * stands as it was, and the user is not asked to log in.
 * @throws TypeError that names the option that is wrong and what it takes
 * @example
 * ```ts compile-only
 * import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
 * import { mcpOAuthProvider } from '@atxp/redis/mcp'
 *
 * const serverUrl = 'https://server.example/mcp'
 * const provider = mcpOAuthProvider({
 *   db,
 *   userId: 'user_123',
 *   serverUrl,
 *   redirectUrl: 'https://app.example/callback',
 *   clientMetadata: { client_name: 'My app' },
 *   onRedirect: (url) => console.log(`Log in at ${url}`),
 * })
 * const transport = new StreamableHTTPClientTransport(new URL(serverUrl), {
 *   authProvider: provider,
 *   fetch: provider.fetch,
 * })
 * ```
 */
export function mcpOAuthProvider(options: McpOAuthProviderOptions): McpOAuthProvider {
  checkOptions(options, 'options')
  return new Provider(options).face()
}

class Provider {
  readonly #options: McpOAuthProviderOptions
  readonly #db: RedisOAuthDatabase
  readonly #operations: Operations
  readonly #userId: string
  readonly #serverUrl: string
  readonly #redirectUrl: string
  readonly #logins: Logins
  readonly #registrations: Registrations
  readonly #memory = new ClientMemory()
  readonly #fetchOptions = {}

  constructor(options: McpOAuthProviderOptions) {
    const { db, userId } = options
    this.#options = options
    this.#db = db
    this.#operations = operationsOf(db)
    this.#userId = userId
    this.#serverUrl = new URL(options.serverUrl).href
    // As it was given: authorization servers compare it as a text.
    this.#redirectUrl = String(options.redirectUrl)
    this.#logins = new Logins(this.#parts)
    this.#registrations = new Registrations(this.#parts, this.#redirectUrl)
  }

  /** Members of its own, and no class: callers add to it by spreading it. */
  face(): McpOAuthProvider {
    const { clientMetadata, clientMetadataUrl, clientInformation: given } = this.#options
    const fetch = this.#db.coordinatedFetch(this.#options.fetch, this.#fetchOptions)
    const { issuers } = this.#parts.coordination
    return {
      fetch: watchedFetch(fetch, this.#memory, issuers) as unknown as McpFetch,
      redirectUrl: this.#redirectUrl,
      clientMetadata: {
        redirect_uris: [this.#redirectUrl],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        ...clientMetadata,
      },
      ...(clientMetadataUrl !== undefined && { clientMetadataUrl }),
      state: () => this.#state(),
      storedState: async () => (await this.#login('storedState'))?.state,
      clientInformation: (context) => this.#clientInformation(context?.issuer),
      ...(given === undefined
        ? {
            saveClientInformation: (information, context) =>
              this.#saveClientInformation(information, context?.issuer),
          }
        : {
            authorizationServerInformation: async () =>
              serverOf((await this.#login('authorizationServerInformation'))?.client),
            saveAuthorizationServerInformation: (server) => this.#bindTo(server),
          }),
      isClientInformationDynamicallyRegistered: () => given === undefined,
      tokens: () => this.#tokens(),
      saveTokens: (tokens) => this.#saveTokens(tokens),
      redirectToAuthorization: (url) => this.#redirect(url),
      saveCodeVerifier: (codeVerifier) => this.#memory.addVerifier(codeVerifier),
      codeVerifier: () => this.#codeVerifier(),
      saveDiscoveryState: (state) => this.#addServer(state),
      discoveryState: () => this.#discoveryState(),
      invalidateCredentials: (scope, context) => this.#invalidate(scope, context?.tokens),
    }
  }

  get #parts(): Composition {
    return this.#operations.parts
  }

  async #state(): Promise<string> {
    const { failure } = this.#memory
    if (failure !== undefined) {
      const record = await this.#db.getAccessToken(this.#userId, this.#serverUrl)
      if (record?.refreshToken) throw failure.error
    }
    return randomBytes(32).toString('base64url')
  }

  async #tokens(): Promise<McpTokens | undefined> {
    const record = await this.#db.getAccessToken(this.#userId, this.#serverUrl)
    if (record === null) return undefined
    this.#memory.read(record.accessToken)
    return tokensOf(record, Date.now())
  }

  async #saveTokens(tokens: McpTokens): Promise<void> {
    try {
      const record = recordOf(tokens, this.#serverUrl, Date.now())
      if (this.#memory.isRead(tokens.access_token)) {
        // The SDK has stamped what it has read. A peer may have renewed it since.
        await this.#operations.run('saveTokens', async ({ refreshes }) => {
          const place = { userId: this.#userId, url: this.#serverUrl, resourceUrl: this.#serverUrl }
          const stored = await refreshes.read(place)
          if (stored !== null) await refreshes.replace(place, record, record, stored.origin)
        })
      } else {
        await this.#db.saveAccessToken(this.#userId, this.#serverUrl, record)
      }
      this.#memory.saved()
    } catch (error) {
      this.#memory.notSaved(error)
      throw error
    }
  }

  /** @param issuer - as the SDK names it; some do not */
  async #clientInformation(issuer?: string): Promise<McpClientInformation | undefined> {
    const client = this.#options.clientInformation ?? (await this.#registered(issuer))
    if (client !== undefined) this.#memory.addClient(client)
    return client
  }

  async #registered(
    issuer: string | undefined = this.#memory.server?.authorizationServerUrl,
  ): Promise<McpClientInformation | undefined> {
    if (issuer === undefined) {
      return (
        (await this.#login('clientInformation'))?.client ?? (await this.#registeredForSession())
      )
    }
    return this.#operations.run('clientInformation', () => this.#registrations.get(issuer))
  }

  /** For an authorization server without metadata, which the SDK does not name before it has the client. */
  async #registeredForSession(): Promise<McpClientInformation | undefined> {
    const issuer = (await this.#tokens())?.issuer
    return issuer === undefined ? undefined : this.#registered(issuer)
  }

  async #saveClientInformation(
    information: McpClientInformation,
    issuer = information.issuer ?? this.#memory.server?.authorizationServerUrl,
  ): Promise<void> {
    if (issuer === undefined) {
      throw new TypeError('the client information must have the issuer that it was obtained from')
    }
    await this.#operations.run('saveClientInformation', () =>
      this.#registrations.save(issuer, information),
    )
    this.#memory.addClient(information)
    this.#memory.addServerAt(issuer)
  }

  /** The client is the application's own: what binds it goes with each login, and from there to its tokens. */
  #bindTo(server: McpAuthorizationServer): void {
    this.#memory.addStamps(stampsOf(server))
    // By which its metadata was learned: it may be at the root of the URL that the MCP server names.
    this.#memory.addServerAt(server.issuer ?? server.authorizationServerUrl)
  }

  async #redirect(url: URL): Promise<void> {
    const parameter = (name: string): string => url.searchParams.get(name) ?? ''
    const codeChallenge = parameter('code_challenge')
    const codeVerifier = this.#memory.verifierOf(codeChallenge)
    const clientId = parameter('client_id')
    const discovery = this.#memory.serverOf(url, clientId)
    const client = this.#memory.client(clientId, discovery)
    if (codeVerifier === undefined || client === undefined || discovery === undefined) {
      throw new TypeError('the authorization URL must be of a login that this provider has begun')
    }
    const login: Login = {
      state: parameter('state'),
      codeVerifier,
      codeChallenge,
      serverUrl: this.#serverUrl,
      redirectUrl: this.#redirectUrl,
      client: { ...client, ...this.#memory.stampsFor(discovery) },
      resource: url.searchParams.get('resource') ?? undefined,
      discovery,
      begunAt: Date.now(),
    }
    await this.#operations.run('redirectToAuthorization', () =>
      this.#logins.save(this.#userId, login),
    )
    publishSession('loginNeeded')
    await this.#options.onRedirect(url)
  }

  /**
   * The login that has begun last, here or in another process.
   * @param asked - the member that has to know
   */
  #login(asked: keyof McpOAuthProvider): Promise<Login | undefined> {
    return this.#operations.run(asked, () =>
      this.#logins.newest(this.#userId, this.#serverUrl, this.#redirectUrl),
    )
  }

  async #codeVerifier(): Promise<string> {
    const login = await this.#login('codeVerifier')
    return this.#operations.runSteps('codeVerifier', async () => {
      const taken = login && (await this.#logins.take(this.#userId, login.state))
      if (taken === undefined) throw loginNotFound()
      this.#memory.finishes(taken)
      return taken.codeVerifier
    })
  }

  async #discoveryState(): Promise<McpDiscoveryState | undefined> {
    const begunWith = (await this.#login('discoveryState'))?.discovery
    if (begunWith === undefined) return undefined
    const discovery = withOwnMetadata(begunWith)
    this.#addServer(discovery)
    return discovery
  }

  #addServer(server: McpDiscoveryState): void {
    this.#memory.addServer(server)
    learnServer(this.#parts.coordination, this.#fetchOptions, server)
  }

  async #invalidate(scope: string, tokens?: McpTokens): Promise<void> {
    const isMeant = (one: string): boolean => scope === 'all' || scope === one
    if (isMeant('tokens')) await this.#forgetTokens(tokens)
    if (isMeant('client')) await this.#forgetClient()
    if (scope === 'discovery') this.#memory.forgetServers()
  }

  /** Those that were refused, and no login that was made since. */
  async #forgetTokens(tokens: McpTokens | undefined): Promise<void> {
    const given = tokens?.refresh_token
    for (const ifRefreshToken of given ? [given] : this.#memory.refusedTokens) {
      await this.#db.deleteAccessToken(this.#userId, this.#serverUrl, { ifRefreshToken })
    }
  }

  /** That whose authorization server does not know it. Other refusals are of one request, and the sessions of all hang on the client. */
  async #forgetClient(): Promise<void> {
    const { unknownClient } = this.#memory
    if (unknownClient === undefined) return
    const { issuer, client } = unknownClient
    await this.#operations.run('invalidateCredentials', () =>
      this.#registrations.forget(issuer, client),
    )
  }
}
