import type { FetchLike } from '../../leaves/contract.js'
import {
  type Answer,
  isSuccess,
  isTokenResponse,
  jsonOf,
  refusesClient,
} from '../../oauth/http/answers.js'
import type { McpClientInformation, McpTokens } from '../shapes.js'
import { errorCode, loginDelayed, loginFailed } from './failures.js'
import type { Login } from './logins.js'

/** What is to be done where the code brings no tokens. */
export interface LoginEnds {
  /** Has the login kept for another try. If the server has redeemed the code all the same, it refuses the next one. */
  keep(): Promise<void>
  /** Has the next login register anew: the server does not know the client. */
  forgetClient(): Promise<void>
}

/**
 * Redeems an authorization code (RFC 6749 section 4.1.3) as the SDK that began the login would, and stamps what comes of it as that does.
 * @throws RedisOAuthDatabaseError `LOGIN_FAILED`
 */
export async function redeemCode(
  login: Login,
  code: string,
  fetch: FetchLike,
  { keep, forgetClient }: LoginEnds,
): Promise<McpTokens> {
  const { client, codeVerifier, redirectUrl, resource } = login
  const endpoint = tokenEndpointOf(login)
  if (losesTls(login.serverUrl, endpoint)) throw loginFailed('the token endpoint has no TLS')
  const body = new URLSearchParams({
    grant_type: 'authorization_code',
    code,
    code_verifier: codeVerifier,
    redirect_uri: redirectUrl,
  })
  if (resource !== undefined) body.set('resource', resource)
  const headers = {
    accept: 'application/json',
    'content-type': 'application/x-www-form-urlencoded',
    ...authentication(client, methodsOf(login), body),
  }
  let answer: Answer
  try {
    answer = await fetch(endpoint, { method: 'POST', headers, body })
  } catch (error) {
    await keep()
    throw loginDelayed('the authorization server could not be reached for the tokens', error)
  }
  if (answer.status === 429 || answer.status >= 500) {
    await keep()
    throw loginDelayed(`the authorization server answered the code with ${answer.status}`)
  }
  const response = await jsonOf(answer)
  if (!isSuccess(answer) || !isTokenResponse(response)) {
    const { status } = answer
    if (refusesClient(answer, response)) await forgetClient()
    throw loginFailed(
      `the authorization server answered the code with ${status}${errorCode(' ', response.error)}`,
    )
  }
  return { ...(response as unknown as McpTokens), ...stampsOf(login) }
}

function tokenEndpointOf({ discovery }: Login): string {
  const endpoint: unknown = discovery.authorizationServerMetadata?.token_endpoint
  if (typeof endpoint === 'string') return endpoint
  // As the SDKs do without metadata.
  return new URL('/token', discovery.authorizationServerUrl).href
}

/** RFC 6749 section 3.2. Who has no TLS at all, as between containers of a developer, has chosen so. */
function losesTls(serverUrl: string, endpoint: string): boolean {
  const { protocol, hostname } = new URL(endpoint)
  const isLoopback = /^(localhost|127\.[\d.]+|\[::1\])$/.test(hostname)
  return serverUrl.startsWith('https:') && protocol !== 'https:' && !isLoopback
}

function methodsOf({ discovery }: Login): readonly unknown[] {
  const methods: unknown =
    discovery.authorizationServerMetadata?.token_endpoint_auth_methods_supported
  return Array.isArray(methods) ? methods : []
}

type Method = 'client_secret_basic' | 'client_secret_post' | 'none'

/** By the method that the client has registered with, else the first that both sides know (RFC 8414 section 2 on what holds without a list). */
function methodOf(client: McpClientInformation, supported: readonly unknown[]): Method {
  const { token_endpoint_auth_method: registered } = client as {
    token_endpoint_auth_method?: unknown
  }
  const isSupported = (method: unknown): boolean =>
    supported.length === 0 || supported.includes(method)
  const known: readonly Method[] =
    client.client_secret === undefined
      ? ['none']
      : ['client_secret_basic', 'client_secret_post', 'none']
  const own = known.find((method) => method === registered)
  return (
    (own !== undefined && isSupported(own) ? own : known.find(isSupported)) ??
    (client.client_secret === undefined ? 'none' : 'client_secret_post')
  )
}

/** The headers, with what else it takes put into the body (RFC 6749 section 2.3.1). */
function authentication(
  client: McpClientInformation,
  supported: readonly unknown[],
  body: URLSearchParams,
): { authorization?: string } {
  const { client_id: id, client_secret: secret = '' } = client
  const method = methodOf(client, supported)
  if (method === 'client_secret_basic') {
    return { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` }
  }
  body.set('client_id', id)
  if (method === 'client_secret_post') body.set('client_secret', secret)
  return {}
}

/** What an SDK says of where tokens come from: the same as of the client that they are for. */
function stampsOf({ client, discovery }: Login): Partial<McpTokens> {
  const {
    issuer = discovery.authorizationServerMetadata?.issuer ?? discovery.authorizationServerUrl,
    authorization_server,
    token_endpoint,
  } = client
  // Also what is undefined, so that it is not for the server to say.
  return { issuer, authorization_server, token_endpoint }
}
