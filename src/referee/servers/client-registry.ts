/** How the server refuses: an HTTP status and an error code of RFC 6749 section 5.2 or RFC 7591 section 3.2.2. */
export class OAuthRefusal extends Error {
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, description: string) {
    super(description)
    this.status = status
    this.code = code
  }
}

type ClientAuthMethod = 'none' | 'client_secret_basic' | 'client_secret_post'

export interface RegisteredClient {
  id: string
  secret: string | null
  method: ClientAuthMethod
  redirectUris: string[]
}

export const CLIENT_AUTH_METHODS: readonly string[] = [
  'none',
  'client_secret_basic',
  'client_secret_post',
]

/** Clients by dynamic registration (RFC 7591), each held to the way of authenticating that it registered. */
export class ClientRegistry {
  #clients = new Map<string, RegisteredClient>()
  #lastNumber = 0

  // biome-ignore lint/suspicious/noExplicitAny: what a client sent
  register(metadata: any): Record<string, unknown> {
    const redirectUris = metadata?.redirect_uris
    if (!Array.isArray(redirectUris) || redirectUris.length === 0 || !redirectUris.every(isUrl)) {
      throw new OAuthRefusal(400, 'invalid_redirect_uri', 'redirect_uris must list URLs')
    }
    const method = metadata.token_endpoint_auth_method ?? 'client_secret_basic'
    if (!CLIENT_AUTH_METHODS.includes(method)) {
      throw new OAuthRefusal(400, 'invalid_client_metadata', 'unknown token_endpoint_auth_method')
    }
    this.#lastNumber += 1
    const id = `client-${this.#lastNumber}`
    const secret = method === 'none' ? null : `client-secret-${this.#lastNumber}`
    this.#clients.set(id, { id, secret, method, redirectUris })
    const issued = secret === null ? {} : { client_secret: secret, client_secret_expires_at: 0 }
    return {
      ...metadata,
      token_endpoint_auth_method: method,
      client_id: id,
      client_id_issued_at: Math.floor(Date.now() / 1000),
      ...issued,
    }
  }

  find(clientId: string | null): RegisteredClient | null {
    return this.#clients.get(clientId ?? '') ?? null
  }

  /** @param clientId - all when it is left out */
  forget(clientId?: string): void {
    if (clientId === undefined) this.#clients.clear()
    else this.#clients.delete(clientId)
  }

  /** RFC 6749 section 2.3: exactly one way of authenticating, and the one that was registered. */
  authenticate(authorizationHeader: string | undefined, form: URLSearchParams): RegisteredClient {
    const given = readCredentials(authorizationHeader, form)
    const client = this.find(given.clientId)
    if (!client || given.method !== client.method || given.secret !== client.secret) {
      throw new OAuthRefusal(401, 'invalid_client', 'client authentication failed')
    }
    return client
  }
}

interface GivenCredentials {
  clientId: string | null
  secret: string | null
  method: ClientAuthMethod
}

function readCredentials(
  authorizationHeader: string | undefined,
  form: URLSearchParams,
): GivenCredentials {
  const formSecret = form.get('client_secret')
  if (authorizationHeader === undefined) {
    const method = formSecret === null ? 'none' : 'client_secret_post'
    return { clientId: form.get('client_id'), secret: formSecret, method }
  }
  const [scheme, encoded] = authorizationHeader.split(' ')
  if (scheme?.toLowerCase() !== 'basic' || !encoded || formSecret !== null) {
    throw new OAuthRefusal(401, 'invalid_client', 'one way of client authentication at a time')
  }
  const pair = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = pair.indexOf(':')
  if (colon < 0) throw new OAuthRefusal(401, 'invalid_client', 'malformed Basic credentials')
  // Both halves are form-urlencoded before they are joined (RFC 6749 section 2.3.1).
  const decode = (half: string) => decodeURIComponent(half.replace(/\+/g, ' '))
  return {
    clientId: decode(pair.slice(0, colon)),
    secret: decode(pair.slice(colon + 1)),
    method: 'client_secret_basic',
  }
}

function isUrl(value: unknown): boolean {
  try {
    new URL(String(value))
    return true
  } catch {
    return false
  }
}
