import { pathToFileURL } from 'node:url'
import { verifyAccountToken } from './account.mjs'
import { CLIENT_AUTH_METHODS, ClientRegistry, OAuthRefusal } from './client-registry.mjs'
import { Gathering } from './gathering.mjs'
import { GrantLedger } from './grant-ledger.mjs'
import { listenOnLoopback, sendJson } from './loopback-server.mjs'
import { bearerToken, readForm, readJson, required } from './oauth-request.mjs'
import { TokenFaults } from './token-faults.mjs'

/**
 * @typedef {import('node:http').IncomingMessage} IncomingMessage
 * @typedef {import('node:http').ServerResponse} ServerResponse
 * @typedef {Awaited<ReturnType<typeof startAuthorizationServer>>} AuthorizationServer
 */

const DEFAULT_SETTINGS = {
  accessTokenLifetimeSeconds: 3600,
  /** With a login. */
  issueRefreshTokens: true,
  /** From the answer to a refresh. */
  omitRefreshToken: false,
  rotateRefreshTokens: true,
}

const NO_COUNTS = {
  metadataRequests: 0,
  registrations: 0,
  authorizations: 0,
  refusedClients: 0,
  introspections: 0,
  /** Token requests whose sender went away before it had its answer. */
  abandonedTokenRequests: 0,
}

/**
 * A strict OAuth 2.1 authorization server on loopback: dynamic registration, PKCE (S256 only), codes bound to their
 * client and redirect URI, rotating refresh tokens with reuse detection, introspection. Everything is in memory.
 *
 * What a test may do to it is in the object that it returns; another process does the same through `remote-control.mjs`.
 */
export async function startAuthorizationServer() {
  const settings = { ...DEFAULT_SETTINGS }
  const clients = new ClientRegistry()
  const grants = new GrantLedger(settings)
  const faults = new TokenFaults()
  const gathering = new Gathering()
  const counts = { ...NO_COUNTS }

  const controls = {
    /** @param {Partial<typeof DEFAULT_SETTINGS>} changes */
    configure: (changes) => void Object.assign(settings, changes),
    counters: () => ({ ...counts, ...grants.counts() }),
    accessTokensAlive: () => grants.accessTokensAlive(),
    expireAccessTokens: () => grants.expireAccessTokens(),
    refuseRefreshTokens: () => grants.refuseRefreshTokens(),
    /** @param {string} [clientId] */
    forgetClients: (clientId) => clients.forget(clientId),
    /** @param {Parameters<TokenFaults['hold']>[0]} target */
    holdTokenRequest: (target) => faults.hold(target),
    /** @param {Parameters<TokenFaults['fail']>[0]} options */
    failTokenRequests: (options) => faults.fail(options),
    /** @param {number} id */
    reached: (id) => faults.reached(id),
    /** @param {number} id */
    release: (id) => faults.release(id),
    /**
     * Clients ask for metadata each time before they read their registration to register, and after they read the token
     * that they are about to refresh: who is held there together races for the same thing.
     * @param {number} size
     */
    gatherMetadataRequests: (size) => gathering.start(size),
    clearFaults: () => faults.clear(),
    /** @param {string} accessToken */
    introspect: (accessToken) => grants.introspect(accessToken),
    /** As new: nothing registered, granted, counted or armed. */
    reset() {
      faults.clear()
      gathering.disperse()
      clients.forget()
      grants.reset()
      Object.assign(settings, DEFAULT_SETTINGS)
      Object.assign(counts, NO_COUNTS)
    },
  }

  const server = await listenOnLoopback(async (request, response) => {
    const url = new URL(request.url ?? '/', issuer)
    const route = routes.get(`${request.method} ${url.pathname}`)
    if (!route) return sendJson(response, 404, { error: 'not_found' })
    try {
      await route(request, response, url)
    } catch (error) {
      if (!(error instanceof OAuthRefusal)) throw error
      if (error.code === 'invalid_client') counts.refusedClients += 1
      const body = { error: error.code, error_description: error.message }
      const headers = error.status === 401 ? { 'www-authenticate': 'Basic realm="fixture"' } : {}
      sendJson(response, error.status, body, /** @type {Record<string, string>} */ (headers))
    }
  })
  const issuer = server.origin

  /** @type {Map<string, (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<void>>} */
  const routes = new Map([
    ['GET /.well-known/oauth-authorization-server', answerMetadata],
    ['POST /register', answerRegistration],
    ['GET /authorize', answerAuthorization],
    ['POST /token', answerToken],
    ['POST /introspect', answerIntrospection],
    ['POST /control', answerControl],
  ])

  /** RFC 8414. */
  async function answerMetadata(
    /** @type {IncomingMessage} */ _request,
    /** @type {ServerResponse} */ response,
  ) {
    counts.metadataRequests += 1
    await gathering.join()
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
  async function answerRegistration(
    /** @type {IncomingMessage} */ request,
    /** @type {ServerResponse} */ response,
  ) {
    const { answer } = clients.register(await readJson(request))
    counts.registrations += 1
    sendJson(response, 201, answer)
  }

  /** RFC 6749 section 4.1.1, with the account's signed token in place of a browser and its user. */
  async function answerAuthorization(
    /** @type {IncomingMessage} */ request,
    /** @type {ServerResponse} */ response,
    /** @type {URL} */ url,
  ) {
    const query = url.searchParams
    const { clientId, redirectUri } = redirectTarget(query)
    const codeChallenge = query.get('code_challenge') ?? ''
    const isPkce = query.get('code_challenge_method') === 'S256' && codeChallenge.length === 43
    if (query.get('response_type') !== 'code' || !isPkce || !query.get('state')) {
      throw new OAuthRefusal(
        400,
        'invalid_request',
        'a code flow needs PKCE with S256, and a state',
      )
    }
    const subject = verifyAccountToken(bearerToken(request) ?? '', codeChallenge)
    if (subject === null) throw new OAuthRefusal(401, 'access_denied', 'no account signed this')

    counts.authorizations += 1
    const code = grants.issueCode({ clientId, redirectUri, codeChallenge, subject })
    const redirect = new URL(redirectUri)
    redirect.search = new URLSearchParams({
      code,
      state: query.get('state') ?? '',
      iss: issuer,
    }).toString()
    if (query.get('redirect') === 'false')
      return sendJson(response, 200, { redirect: redirect.href })
    response.writeHead(302, { location: redirect.href }).end()
  }

  /**
   * A redirect to a stranger's address would be an open redirector, so both refusals are answered directly.
   * @param {URLSearchParams} query
   */
  function redirectTarget(query) {
    const client = clients.find(query.get('client_id'))
    const redirectUri = query.get('redirect_uri') ?? ''
    if (!client) throw new OAuthRefusal(400, 'invalid_client', 'unknown client_id')
    if (!client.redirectUris.includes(redirectUri)) {
      throw new OAuthRefusal(400, 'invalid_request', 'redirect_uri is not registered')
    }
    return { clientId: client.id, redirectUri }
  }

  /** RFC 6749 section 3.2. */
  async function answerToken(
    /** @type {IncomingMessage} */ request,
    /** @type {ServerResponse} */ response,
  ) {
    response.once('close', () => {
      if (!response.writableFinished) counts.abandonedTokenRequests += 1
    })
    const form = await readForm(request)
    const grantType = form.get('grant_type') ?? ''
    const statusBefore = await faults.meet('before', grantType)
    if (statusBefore !== null)
      return sendJson(response, statusBefore, { error: 'temporarily_unavailable' })
    // Its requester is gone: what was held before it acted never reaches the server.
    if (response.destroyed) return

    const client = clients.authenticate(request.headers.authorization, form)
    const answer = grant(grantType, client.id, form)

    const statusAfter = await faults.meet('after', grantType)
    if (statusAfter !== null)
      return sendJson(response, statusAfter, { error: 'temporarily_unavailable' })
    sendJson(response, 200, answer)
  }

  /**
   * @param {string} grantType
   * @param {string} clientId
   * @param {URLSearchParams} form
   */
  function grant(grantType, clientId, form) {
    switch (grantType) {
      case 'authorization_code':
        return grants.redeemCode({
          clientId,
          code: required(form, 'code'),
          redirectUri: required(form, 'redirect_uri'),
          codeVerifier: required(form, 'code_verifier'),
        })
      case 'refresh_token':
        return grants.refresh({ clientId, refreshToken: required(form, 'refresh_token') })
      default:
        throw new OAuthRefusal(
          400,
          'unsupported_grant_type',
          'only authorization_code and refresh_token',
        )
    }
  }

  /** RFC 7662. */
  async function answerIntrospection(
    /** @type {IncomingMessage} */ request,
    /** @type {ServerResponse} */ response,
  ) {
    const form = await readForm(request)
    const client = clients.authenticate(request.headers.authorization, form)
    if (client.method === 'none') {
      throw new OAuthRefusal(401, 'invalid_client', 'a public client may not introspect')
    }
    counts.introspections += 1
    sendJson(response, 200, grants.introspect(required(form, 'token')))
  }

  /** `{ name, args }` calls one of the controls. */
  async function answerControl(
    /** @type {IncomingMessage} */ request,
    /** @type {ServerResponse} */ response,
  ) {
    const { name, args } = await readJson(request)
    if (!Object.hasOwn(controls, name))
      return sendJson(response, 404, { error: `no control ${name}` })
    const control = /** @type {(...args: unknown[]) => unknown} */ (
      /** @type {any} */ (controls)[name]
    )
    sendJson(response, 200, { result: (await control(...args)) ?? null })
  }

  return {
    issuer,
    ...controls,
    async stop() {
      faults.clear()
      gathering.disperse()
      await server.stop()
    },
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { issuer } = await startAuthorizationServer()
  process.stdout.write(`${issuer}\n`)
}
