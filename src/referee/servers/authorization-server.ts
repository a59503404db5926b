import type { IncomingMessage, ServerResponse } from 'node:http'
import { CLIENT_AUTH_METHODS, ClientRegistry, OAuthRefusal } from './client-registry.js'
import { Gathering } from './gathering.js'
import {
  type GrantCounters,
  GrantLedger,
  type TokenAnswer,
  type TokenState,
} from './grant-ledger.js'
import { type LoopbackServer, listenOnLoopback, sendJson } from './loopback-server.js'
import { readForm, readJson, required } from './oauth-request.js'
import { type Failing, type FaultAnswer, type FaultTarget, TokenFaults } from './token-faults.js'

const DEFAULT_SETTINGS = {
  accessTokenLifetimeSeconds: 3600,
  issueRefreshTokens: true,
  omitRefreshToken: false,
  rotateRefreshTokens: true,
  /** PKCE protects a login without one as well (RFC 9700 section 2.1). */
  requireState: true,
}

const NO_COUNTS = {
  metadataRequests: 0,
  registrations: 0,
  authorizations: 0,
  refusedClients: 0,
  introspections: 0,
  /** Token requests whose sender went away before it had its answer. */
  abandonedTokenRequests: 0,
  /** Those that an armed fault answered. */
  failedTokenRequests: 0,
}

export type AuthorizationCounters = GrantCounters & typeof NO_COUNTS

export interface AuthorizationServerOptions {
  /** Plays the browser and its user: who consents to this authorization request, null for nobody. */
  consent(request: IncomingMessage, codeChallenge: string): string | null
}

type Route = (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<void>

/**
 * A strict OAuth 2.1 authorization server on loopback: dynamic registration, PKCE (S256 only), codes bound to their
 * client and redirect URI, rotating refresh tokens with reuse detection, introspection. Everything is in memory.
 */
export class AuthorizationServer {
  readonly issuer: string
  readonly #consent: AuthorizationServerOptions['consent']
  readonly #server: LoopbackServer
  readonly #settings = { ...DEFAULT_SETTINGS }
  readonly #clients = new ClientRegistry()
  readonly #grants = new GrantLedger(this.#settings)
  readonly #faults = new TokenFaults()
  readonly #gathering = new Gathering()
  readonly #counts = { ...NO_COUNTS }
  readonly #routes = new Map<string, Route>([
    [
      'GET /.well-known/oauth-authorization-server',
      (request, response) => this.#answerMetadata(request, response),
    ],
    ['POST /register', (request, response) => this.#answerRegistration(request, response)],
    [
      'GET /authorize',
      (request, response, url) => this.#answerAuthorization(request, response, url),
    ],
    ['POST /token', (request, response) => this.#answerToken(request, response)],
    ['POST /introspect', (request, response) => this.#answerIntrospection(request, response)],
  ])

  private constructor(server: LoopbackServer, consent: AuthorizationServerOptions['consent']) {
    this.#server = server
    this.issuer = server.origin
    this.#consent = consent
  }

  static async start({ consent }: AuthorizationServerOptions): Promise<AuthorizationServer> {
    const started: { server?: AuthorizationServer } = {}
    const loopback = await listenOnLoopback(async (request, response) => {
      await started.server?.answer(request, response)
    })
    started.server = new AuthorizationServer(loopback, consent)
    return started.server
  }

  configure(changes: Partial<typeof DEFAULT_SETTINGS>): void {
    Object.assign(this.#settings, changes)
  }

  counters(): AuthorizationCounters {
    return { ...this.#counts, ...this.#grants.counts() }
  }

  accessTokensAlive(): number {
    return this.#grants.accessTokensAlive()
  }

  expireAccessTokens(): void {
    this.#grants.expireAccessTokens()
  }

  refuseRefreshTokens(): void {
    this.#grants.refuseRefreshTokens()
  }

  /** @param clientId - all when it is left out */
  forgetClients(clientId?: string): void {
    this.#clients.forget(clientId)
  }

  holdTokenRequest(target: FaultTarget): number {
    return this.#faults.hold(target)
  }

  failTokenRequests(failing: Failing): number {
    return this.#faults.fail(failing)
  }

  async reached(fault: number): Promise<void> {
    await this.#faults.reached(fault)
  }

  release(fault: number): void {
    this.#faults.release(fault)
  }

  /**
   * Clients ask for metadata each time before they read their registration to register, and after they read the token
   * that they are about to refresh: those held there together race for the same thing.
   */
  gatherMetadataRequests(size: number): void {
    this.#gathering.start(size)
  }

  clearFaults(): void {
    this.#faults.clear()
  }

  /** Not a method, since MCP servers are given it alone. */
  readonly introspect = (accessToken: string): TokenState => this.#grants.introspect(accessToken)

  /** As new: nothing registered, granted, counted or armed. */
  reset(): void {
    this.#faults.clear()
    this.#gathering.disperse()
    this.#clients.forget()
    this.#grants.reset()
    Object.assign(this.#settings, DEFAULT_SETTINGS)
    Object.assign(this.#counts, NO_COUNTS)
  }

  async stop(): Promise<void> {
    this.#faults.clear()
    this.#gathering.disperse()
    await this.#server.stop()
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.issuer)
    const route = this.#routes.get(`${request.method} ${url.pathname}`)
    if (!route) return sendJson(response, 404, { error: 'not_found' })
    try {
      await route(request, response, url)
    } catch (error) {
      if (!(error instanceof OAuthRefusal)) throw error
      if (error.code === 'invalid_client') this.#counts.refusedClients += 1
      const body = { error: error.code, error_description: error.message }
      sendJson(
        response,
        error.status,
        body,
        error.status === 401 ? { 'www-authenticate': 'Basic realm="fixture"' } : {},
      )
    }
  }

  /** RFC 8414. */
  async #answerMetadata(_request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#counts.metadataRequests += 1
    await this.#gathering.join()
    const { issuer } = this
    sendJson(response, 200, {
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      registration_endpoint: `${issuer}/register`,
      introspection_endpoint: `${issuer}/introspect`,
      response_types_supported: ['code'],
      grant_types_supported: ['authorization_code', 'refresh_token'],
      code_challenge_methods_supported: ['S256'],
      token_endpoint_auth_methods_supported: CLIENT_AUTH_METHODS,
      authorization_response_iss_parameter_supported: true,
    })
  }

  /** RFC 7591. */
  async #answerRegistration(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const answer = this.#clients.register(await readJson(request))
    this.#counts.registrations += 1
    sendJson(response, 201, answer)
  }

  /** RFC 6749 section 4.1.1, and RFC 9207. */
  async #answerAuthorization(
    request: IncomingMessage,
    response: ServerResponse,
    { searchParams: query }: URL,
  ): Promise<void> {
    const { clientId, redirectUri } = this.#redirectTarget(query)
    const codeChallenge = query.get('code_challenge') ?? ''
    const state = query.get('state') ?? ''
    const isPkce = query.get('code_challenge_method') === 'S256' && codeChallenge.length === 43
    const lacksState = this.#settings.requireState && state === ''
    if (query.get('response_type') !== 'code' || !isPkce || lacksState) {
      throw new OAuthRefusal(
        400,
        'invalid_request',
        'a code flow needs PKCE with S256, and a state',
      )
    }
    const subject = this.#consent(request, codeChallenge)
    if (subject === null) throw new OAuthRefusal(401, 'access_denied', 'nobody consented')

    this.#counts.authorizations += 1
    const code = this.#grants.issueCode({ clientId, redirectUri, codeChallenge, subject })
    const redirect = new URL(redirectUri)
    const answer = { code, ...(state === '' ? {} : { state }), iss: this.issuer }
    redirect.search = new URLSearchParams(answer).toString()
    if (query.get('redirect') === 'false')
      return sendJson(response, 200, { redirect: redirect.href })
    response.writeHead(302, { location: redirect.href }).end()
  }

  /** A redirect to a stranger's address would be an open redirector, so both refusals are answered directly. */
  #redirectTarget(query: URLSearchParams): { clientId: string; redirectUri: string } {
    const client = this.#clients.find(query.get('client_id'))
    const redirectUri = query.get('redirect_uri') ?? ''
    if (!client) throw new OAuthRefusal(400, 'invalid_client', 'unknown client_id')
    if (!client.redirectUris.includes(redirectUri)) {
      throw new OAuthRefusal(400, 'invalid_request', 'redirect_uri is not registered')
    }
    return { clientId: client.id, redirectUri }
  }

  /** RFC 6749 section 3.2. */
  async #answerToken(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.once('close', () => {
      if (!response.writableFinished) this.#counts.abandonedTokenRequests += 1
    })
    const fail = ({ status, headers }: FaultAnswer) => {
      this.#counts.failedTokenRequests += 1
      sendJson(response, status, { error: 'temporarily_unavailable' }, headers)
    }
    const form = await readForm(request)
    const grantType = form.get('grant_type') ?? ''
    const before = await this.#faults.meet('before', grantType)
    if (before !== null) return fail(before)
    // Its requester is gone: what was held before it acted never reaches the server.
    if (response.destroyed) return

    const client = this.#clients.authenticate(request.headers.authorization, form)
    const answer = this.#grant(grantType, client.id, form)

    const after = await this.#faults.meet('after', grantType)
    if (after !== null) return fail(after)
    sendJson(response, 200, answer)
  }

  #grant(grantType: string, clientId: string, form: URLSearchParams): TokenAnswer {
    switch (grantType) {
      case 'authorization_code':
        return this.#grants.redeemCode({
          clientId,
          code: required(form, 'code'),
          redirectUri: required(form, 'redirect_uri'),
          codeVerifier: required(form, 'code_verifier'),
        })
      case 'refresh_token':
        return this.#grants.refresh({ clientId, refreshToken: required(form, 'refresh_token') })
      default:
        throw new OAuthRefusal(
          400,
          'unsupported_grant_type',
          'only authorization_code and refresh_token',
        )
    }
  }

  /** RFC 7662. */
  async #answerIntrospection(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const form = await readForm(request)
    const client = this.#clients.authenticate(request.headers.authorization, form)
    if (client.method === 'none') {
      throw new OAuthRefusal(401, 'invalid_client', 'a public client may not introspect')
    }
    this.#counts.introspections += 1
    sendJson(response, 200, this.#grants.introspect(required(form, 'token')))
  }
}
