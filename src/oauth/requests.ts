/**
 * What an OAuth client asks for, read from the request that it hands to `fetch`. Only what is recognised beyond
 * doubt has a kind; everything else (a `Request`, a stream, bytes, a DPoP-bound request) is `other`.
 */
export type OAuthRequest =
  | RefreshRequest
  | RegistrationRequest
  | { kind: 'code' | 'introspection' | 'authorization'; endpoint: string; clientId: string | null }
  | { kind: 'other' }

/** RFC 6749 section 6. */
export interface RefreshRequest {
  kind: 'refresh'
  endpoint: string
  clientId: string | null
  refreshToken: string
  scope: string | null
  /** RFC 8707 lets it be repeated. */
  resources: string[]
}

/** RFC 7591 section 3.1. */
export interface RegistrationRequest {
  kind: 'registration'
  endpoint: string
  metadata: string
  /** The initial access token's header, where the server asks for one. */
  authorization: string | null
}

/** The parts of `RequestInit` that are read, whatever their real types. */
interface Init {
  method?: unknown
  headers?: unknown
  body?: unknown
}

const OTHER = { kind: 'other' } as const

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
  if (verb === 'GET' && body == null) return authorizationRequest(url)
  if (verb !== 'POST' || header(headers, 'dpop') !== null) return OTHER
  if (typeof body === 'string' && body.includes('"redirect_uris"')) {
    return registrationRequest(url, headers, body)
  }
  const form = formOf(headers, body)
  return form ? formRequest(url, headers, form) : OTHER
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

function formOf(headers: unknown, body: unknown): URLSearchParams | null {
  if (body instanceof URLSearchParams) return body
  if (typeof body !== 'string') return null
  const type = header(headers, 'content-type')?.toLowerCase()
  return type?.startsWith('application/x-www-form-urlencoded') ? new URLSearchParams(body) : null
}

function formRequest(url: URL, headers: unknown, form: URLSearchParams): OAuthRequest {
  const endpoint = url.href
  const clientId = form.get('client_id') ?? basicUser(header(headers, 'authorization'))
  const refreshToken = form.get('refresh_token')
  switch (form.get('grant_type')) {
    case 'refresh_token':
      if (!refreshToken) return OTHER
      return {
        kind: 'refresh',
        endpoint,
        clientId,
        refreshToken,
        scope: form.get('scope'),
        resources: form.getAll('resource'),
      }
    case 'authorization_code':
      return { kind: 'code', endpoint, clientId }
    case null:
      return form.has('token') ? { kind: 'introspection', endpoint, clientId } : OTHER
    default:
      return OTHER
  }
}

/** The GET by which the ATXP client authorizes without a browser (RFC 6749 section 4.1.1). */
function authorizationRequest(url: URL): OAuthRequest {
  const clientId = url.searchParams.get('client_id')
  if (clientId === null || !url.searchParams.has('response_type')) return OTHER
  return { kind: 'authorization', endpoint: url.origin + url.pathname, clientId }
}

function registrationRequest(url: URL, headers: unknown, metadata: string): OAuthRequest {
  if (!Array.isArray(Object(JSON.parse(metadata)).redirect_uris)) return OTHER
  const authorization = header(headers, 'authorization')
  return { kind: 'registration', endpoint: url.href, metadata, authorization }
}

/** The client id of `client_secret_basic`, form-urlencoded as RFC 6749 section 2.3.1 has it. */
function basicUser(authorization: string | null): string | null {
  const credentials = /^basic\s+(\S+)$/i.exec(authorization ?? '')?.[1]
  if (credentials === undefined) return null
  const [user] = Buffer.from(credentials, 'base64').toString().split(':')
  try {
    return decodeURIComponent((user ?? '').replace(/\+/g, ' ')) || null
  } catch {
    return user || null
  }
}
