/**
 * What an OAuth client asks for, read from the request that it hands to `fetch`. Only what is recognised beyond
 * doubt has a kind; everything else (a `Request`, a stream, bytes) is `other`. `bound`: a refresh whose proof (DPoP, RFC 9449) is
 * one process' own, so that no other can be answered with what it gets. `secret`: another form that holds one.
 */
export type OAuthRequest =
  | RefreshRequest
  | RegistrationRequest
  | ClientRequest
  | { kind: 'metadata'; url: URL }
  | BoundRefresh
  | { kind: 'secret' }
  | { kind: 'other' }

/** A request by which an authorization server gets to know a client. */
export interface ClientRequest {
  kind: 'code' | 'introspection' | 'authorization'
  endpoint: string
  client: SentClient | null
}

/** RFC 6749 section 6. */
export interface RefreshRequest {
  kind: 'refresh'
  endpoint: string
  clientId: string | null
  client: SentClient | null
  refreshToken: string
  scope: string | null
}

export type BoundRefresh = Omit<RefreshRequest, 'kind'> & { kind: 'bound' }

/** RFC 7591 section 3.1. */
export interface RegistrationRequest {
  kind: 'registration'
  endpoint: string
  metadata: string
  /** All headers but those that say nothing of who registers, as text; null if they cannot be read. */
  headers: string | null
}

/** The client that a request names, and how it authenticates. Null in its place: by other means than a secret, or ambiguously. */
export interface SentClient {
  clientId: string
  /** Empty for a public client; null where a request never authenticates the client, as to the authorization endpoint. */
  clientSecret: string | null
}

/** The parts of `RequestInit` that are read, whatever their real types. */
interface Init {
  method?: unknown
  headers?: unknown
  body?: unknown
}

const OTHER = { kind: 'other' } as const
const SECRET = { kind: 'secret' } as const

/** Parameters of whoever asks for tokens, or authenticates (RFC 6749 section 2.3.1, RFC 7009, RFC 7521, RFC 7662). */
const TELLING_PARAMETERS = ['grant_type', 'token', 'client_secret', 'client_assertion']

/** What clients add to the authorization endpoint's URL; a server may have put other parameters into it. */
const AUTHORIZATION_PARAMETERS = [
  'client_id',
  'code_challenge',
  'code_challenge_method',
  'redirect',
  'redirect_uri',
  'resource',
  'response_type',
  'scope',
  'state',
]

/** Headers that say nothing of who sends a request. */
const ANONYMOUS_HEADER =
  /^(accept|accept-\w+|baggage|b3|cache-control|connection|content-length|content-type|sentry-trace|traceparent|tracestate|user-agent|x-b3-\w+|x-correlation-id|x-datadog-[\w-]+|x-request-id)$/

/** Never throws, whatever it is given. */
export function requestKind(url: unknown, init: unknown): OAuthRequest {
  try {
    if (typeof url !== 'string' && !(url instanceof URL)) return OTHER
    return classify(new URL(url), Object(init))
  } catch {
    return OTHER
  }
}

function classify(url: URL, { method, headers, body }: Init): OAuthRequest {
  const verb = method === undefined ? 'GET' : String(method).toUpperCase()
  if (verb === 'GET' && body == null) {
    return isMetadataUrl(url) ? { kind: 'metadata', url } : authorizationRequest(url)
  }
  if (verb !== 'POST') return OTHER
  if (header(headers, 'dpop') !== null) {
    const form = formOf(headers, body)
    const request = form && formRequest(url, headers, form)
    return request?.kind === 'refresh' ? { ...request, kind: 'bound' } : otherForm(form)
  }
  if (typeof body === 'string' && body.includes('"redirect_uris"')) {
    return registrationRequest(url, headers, body)
  }
  const form = formOf(headers, body)
  return form ? formRequest(url, headers, form) : OTHER
}

function otherForm(form: URLSearchParams | null): OAuthRequest {
  return TELLING_PARAMETERS.some((name) => form?.has(name)) ? SECRET : OTHER
}

/** Of an authorization server's metadata (RFC 8414 section 3, OpenID Connect Discovery 1.0 section 4). */
function isMetadataUrl({ pathname }: URL): boolean {
  return /\/\.well-known\/(oauth-authorization-server|openid-configuration)(\/|$)/.test(pathname)
}

/** A header's value, from `Headers`, pairs or an object; null when it is not there. */
export function header(headers: unknown, name: string): string | null {
  if (typeof headers !== 'object' || headers === null) return null
  if ('get' in headers && typeof headers.get === 'function') {
    const value: unknown = headers.get(name)
    return typeof value === 'string' ? value : null
  }
  const pairs: unknown[] = Array.isArray(headers) ? headers : Object.entries(headers)
  for (const pair of pairs) {
    if (!Array.isArray(pair) || String(pair[0]).toLowerCase() !== name) continue
    return typeof pair[1] === 'string' ? pair[1] : null
  }
  return null
}

/** The headers that may say who registers. */
function tellingHeaders(headers: unknown): string | null {
  if (headers === undefined || headers === null) return '[]'
  if (typeof headers !== 'object') return null
  const pairs: unknown[] =
    Symbol.iterator in headers
      ? [...(headers as Iterable<unknown>)]
      : Object.entries(headers as object)
  const telling: string[] = []
  for (const pair of pairs) {
    if (!Array.isArray(pair) || pair.length !== 2 || typeof pair[1] !== 'string') return null
    const name = String(pair[0]).toLowerCase()
    if (!ANONYMOUS_HEADER.test(name)) telling.push(JSON.stringify([name, pair[1]]))
  }
  return JSON.stringify(telling.sort())
}

function formOf(headers: unknown, body: unknown): URLSearchParams | null {
  if (body instanceof URLSearchParams) return body
  if (typeof body !== 'string') return null
  const type = header(headers, 'content-type')?.toLowerCase()
  return type?.startsWith('application/x-www-form-urlencoded') ? new URLSearchParams(body) : null
}

function formRequest(url: URL, headers: unknown, form: URLSearchParams): OAuthRequest {
  const endpoint = url.href
  const basic = basicCredentials(header(headers, 'authorization'))
  const client = sentClient(headers, form)
  const refreshToken = form.get('refresh_token')
  switch (form.get('grant_type')) {
    case 'refresh_token':
      if (!refreshToken) return SECRET
      return {
        kind: 'refresh',
        endpoint,
        clientId: form.get('client_id') ?? basic?.clientId ?? null,
        client,
        refreshToken,
        scope: form.get('scope'),
      }
    case 'authorization_code':
      return { kind: 'code', endpoint, client }
    case null:
      return form.has('token') ? { kind: 'introspection', endpoint, client } : otherForm(form)
    default:
      return SECRET
  }
}

/** By `client_secret_basic`, `client_secret_post` or `none` (RFC 6749 section 2.3.1). */
function sentClient(headers: unknown, form: URLSearchParams): SentClient | null {
  const [clientId, ...otherIds] = form.getAll('client_id')
  const [clientSecret, ...otherSecrets] = form.getAll('client_secret')
  // RFC 7521 section 4.2.
  const isAmbiguous = otherIds.length + otherSecrets.length > 0 || form.has('client_assertion')
  if (isAmbiguous) return null
  const authorization = header(headers, 'authorization')
  if (authorization === null)
    return clientId ? { clientId, clientSecret: clientSecret ?? '' } : null
  const basic = basicCredentials(authorization)
  const contradicts =
    clientSecret !== undefined || (clientId ?? basic?.clientId) !== basic?.clientId
  return contradicts ? null : basic
}

/** The GET by which the ATXP client authorizes without a browser (RFC 6749 section 4.1.1). */
function authorizationRequest(url: URL): OAuthRequest {
  const clientId = url.searchParams.get('client_id')
  if (!clientId || !url.searchParams.has('response_type')) return OTHER
  const endpoint = new URL(url)
  for (const name of AUTHORIZATION_PARAMETERS) endpoint.searchParams.delete(name)
  return {
    kind: 'authorization',
    endpoint: endpoint.href,
    client: { clientId, clientSecret: null },
  }
}

function registrationRequest(url: URL, headers: unknown, metadata: string): OAuthRequest {
  if (!Array.isArray(Object(JSON.parse(metadata)).redirect_uris)) return OTHER
  return { kind: 'registration', endpoint: url.href, metadata, headers: tellingHeaders(headers) }
}

/** Both form-urlencoded, as RFC 6749 section 2.3.1 has it. */
function basicCredentials(
  authorization: string | null,
): { clientId: string; clientSecret: string } | null {
  const credentials = /^basic\s+(\S+)$/i.exec(authorization ?? '')?.[1]
  if (credentials === undefined) return null
  const [user = '', ...rest] = Buffer.from(credentials, 'base64').toString().split(':')
  const clientId = formDecoded(user)
  return clientId === '' ? null : { clientId, clientSecret: formDecoded(rest.join(':')) }
}

/** Of `application/x-www-form-urlencoded`; the text itself where it is none. */
export function formDecoded(text: string): string {
  try {
    return decodeURIComponent(text.replace(/\+/g, ' '))
  } catch {
    return text
  }
}
