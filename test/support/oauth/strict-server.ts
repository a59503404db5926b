import type { FetchLike } from '@atxp/common'

export const ORIGIN = 'https://auth.example'
export const TOKEN_URL = `${ORIGIN}/token`
export const REGISTER_URL = `${ORIGIN}/register`
export const MCP_URL = 'https://mcp.example/mcp'

export const METADATA_URL = `${ORIGIN}/.well-known/oauth-authorization-server`
export const METADATA = {
  issuer: ORIGIN,
  token_endpoint: TOKEN_URL,
  registration_endpoint: REGISTER_URL,
  authorization_endpoint: `${ORIGIN}/authorize`,
  introspection_endpoint: `${ORIGIN}/introspect`,
}

type Step = Response | undefined

interface Family {
  client: string
  refreshToken: string
  accessToken: string
  revoked: boolean
}

/**
 * An authorization server (and the resource server that trusts it) as a `fetch`: rotates refresh tokens, revokes the
 * family of a spent one, binds tokens and codes to their client, asks the client to authenticate as it registered.
 */
export class StrictServer {
  readonly count = {
    registrations: 0,
    authorizations: 0,
    refreshes: 0,
    refusedRefreshes: 0,
    familiesRevoked: 0,
    /** Refreshes of what it never issued, by clients that it knows. */
    unknownTokens: 0,
  }
  readonly clients = new Map<string, { secret: string; method: string }>()
  readonly families: Family[] = []
  readonly #spent = new Map<string, Family>()
  readonly #codes = new Map<string, string>()
  #serial = 0

  /** Whether a challenge names an error when a token was sent: no published server does. */
  namesError = true
  /** How often a token, or none, was refused. */
  refusals = 0
  rotates = true
  omitsRefreshToken = false
  expiresIn: number | undefined = 3600
  /** Awaited before the server acts and before its answer arrives; an answer given here replaces the server's. */
  step: (path: string, when: 'request' | 'answer') => Step | Promise<Step> = () => undefined

  readonly fetch: FetchLike = async (url, init) => {
    const request = new Request(url, init)
    const { pathname } = new URL(request.url)
    const early = await this.step(pathname, 'request')
    if (early) return early
    const answer = await this.#answer(pathname, request)
    return (await this.step(pathname, 'answer')) || answer
  }

  /** Opens a session as if the client had logged in. */
  login(client = 'client-0'): Family {
    if (!this.clients.has(client)) this.clients.set(client, { secret: '', method: 'none' })
    const family: Family = { client, refreshToken: '', accessToken: '', revoked: false }
    this.families.push(family)
    this.#renew(family)
    return family
  }

  /** The access tokens of all families cease to be valid. */
  expireAccessTokens(): void {
    for (const family of this.families) family.accessToken = ''
  }

  #renew(family: Family): void {
    const serial = ++this.#serial
    if (this.rotates || !family.refreshToken) {
      if (family.refreshToken) this.#spent.set(family.refreshToken, family)
      family.refreshToken = `secret-refresh-${serial}`
    }
    family.accessToken = `secret-access-${serial}`
  }

  #answer(pathname: string, request: Request): Promise<Response> | Response {
    const { origin } = new URL(request.url)
    switch (pathname) {
      case '/token':
        return this.#token(request)
      case '/register':
        return this.#register(request)
      case '/authorize':
        return this.#authorize(request)
      case '/introspect':
        return this.#introspect(request)
      case '/.well-known/oauth-authorization-server':
        return json(200, METADATA)
    }
    if (pathname.startsWith('/.well-known/oauth-protected-resource')) {
      const resource = origin + pathname.replace('/.well-known/oauth-protected-resource', '')
      return json(200, { resource, authorization_servers: [ORIGIN] })
    }
    return this.#resource(request)
  }

  #resource(request: Request): Response {
    const token = request.headers.get('authorization')?.replace('Bearer ', '')
    const family = this.families.find(({ accessToken }) => accessToken && accessToken === token)
    if (family && !family.revoked) return json(200, { ok: true })
    const { origin, pathname } = new URL(request.url)
    const metadata = `resource_metadata="${origin}/.well-known/oauth-protected-resource${pathname}"`
    this.refusals++
    const challenge =
      token && this.namesError ? `Bearer error="invalid_grant", ${metadata}` : `Bearer ${metadata}`
    return json(401, {}, { 'www-authenticate': challenge })
  }

  async #register(request: Request): Promise<Response> {
    const metadata = await request.json()
    const id = `client-${++this.count.registrations}`
    const secret = metadata.token_endpoint_auth_method === 'none' ? '' : `secret-of-${id}`
    this.clients.set(id, { secret, method: metadata.token_endpoint_auth_method })
    return json(201, {
      ...metadata,
      client_id: id,
      client_secret: secret,
      client_secret_expires_at: 0,
    })
  }

  #authorize(request: Request): Response {
    const { searchParams } = new URL(request.url)
    const client = searchParams.get('client_id') ?? ''
    if (!this.clients.has(client)) return json(400, { error: 'invalid_client' })
    this.count.authorizations++
    const code = `code-${++this.#serial}`
    this.#codes.set(code, client)
    const state = searchParams.get('state')
    return json(200, {
      redirect: `${searchParams.get('redirect_uri')}?code=${code}&state=${state}`,
    })
  }

  async #introspect(request: Request): Promise<Response> {
    const basic = /^Basic (.+)$/.exec(request.headers.get('authorization') ?? '')?.[1] ?? ''
    const [id = '', secret] = Buffer.from(basic, 'base64').toString().split(':')
    const client = this.clients.get(decodeURIComponent(id))
    const known =
      client?.method === 'client_secret_basic' && client.secret === decodeURIComponent(secret ?? '')
    return known ? json(200, { active: true, sub: 'user' }) : json(401, { error: 'invalid_client' })
  }

  async #token(request: Request): Promise<Response> {
    const form = new URLSearchParams(await request.text())
    const client = form.get('client_id') ?? ''
    const registered = this.clients.get(client)
    if (!registered || registered.secret !== (form.get('client_secret') ?? '')) {
      return json(401, { error: 'invalid_client' })
    }
    if (form.get('grant_type') === 'refresh_token') return this.#refresh(client, form)
    const code = form.get('code') ?? ''
    if (this.#codes.get(code) !== client) return json(400, { error: 'invalid_grant' })
    this.#codes.delete(code)
    return this.#tokens(this.login(client))
  }

  #refresh(client: string, form: URLSearchParams): Response {
    const refreshToken = form.get('refresh_token') ?? ''
    if (!refreshToken.startsWith('secret-refresh-')) {
      this.count.unknownTokens++
      return json(400, { error: 'invalid_grant' })
    }
    const reused = this.#spent.get(refreshToken)
    if (reused && !reused.revoked) {
      reused.revoked = true
      this.count.familiesRevoked++
    }
    const family = this.families.find((one) => one.refreshToken === refreshToken)
    if (!family || family.revoked || family.client !== client) {
      this.count.refusedRefreshes++
      return json(400, { error: 'invalid_grant' })
    }
    this.count.refreshes++
    this.#renew(family)
    return this.#tokens(family)
  }

  #tokens(family: Family): Response {
    return json(200, {
      access_token: family.accessToken,
      token_type: 'Bearer',
      expires_in: this.expiresIn,
      refresh_token: this.omitsRefreshToken ? undefined : family.refreshToken,
    })
  }
}

export function json(status: number, body: object, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/json', ...headers },
  })
}
